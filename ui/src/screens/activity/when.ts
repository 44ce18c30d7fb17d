/** Spans of time that lists are narrowed to, in hours; a span's word is `activity:spans.<id>`. */
const SPANS: Record<string, number> = { "1h": 1, "24h": 24, "7d": 7 * 24, "30d": 30 * 24 };

export const SPAN_IDS = Object.keys(SPANS);

/** The moment a span begins, as the API takes it. Undefined for a word that is none: an old link must not fail. */
export function sinceOf(span: string | undefined, now: number = Date.now()): string | undefined {
  const hours = span === undefined ? undefined : SPANS[span];
  return hours === undefined ? undefined : new Date(now - hours * 3_600_000).toISOString();
}

/** The address of an export of the API: what is undefined or empty is left out, lists are repeated. */
export function exportUrl(path: string, asked: Record<string, string | readonly string[] | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked))
    for (const each of typeof value === "string" ? [value] : (value ?? [])) if (each) query.append(name, each);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}
