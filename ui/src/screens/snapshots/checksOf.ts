export interface Check {
  name: string;
  ok: boolean | null;
  expected: string;
  actual: string;
  detail: string;
}

/** The server's verdict on what arrived; what it could not judge comes first after what failed. */
export function checksOf(checks: unknown): Check[] {
  const said = Array.isArray(checks) ? (checks as Partial<Check>[]) : [];
  const rank = (ok: boolean | null) => (ok === false ? 0 : ok === null ? 1 : 2);
  return said
    .map((each) => ({
      name: String(each.name ?? ""),
      ok: each.ok ?? null,
      expected: String(each.expected ?? ""),
      actual: String(each.actual ?? ""),
      detail: String(each.detail ?? ""),
    }))
    .sort((a, b) => rank(a.ok) - rank(b.ok));
}

const DIGEST = /^[0-9a-f]{24,}$/;

/** What was found, for people: a list without its brackets, a digest by its beginning, nothing as a dash. */
export function legible(found: string): string {
  if (DIGEST.test(found)) return `${found.slice(0, 12)}…`;
  if (found === "[]" || found === "{}") return "–";
  const list = /^\[('[^']*'(?:, '[^']*')*)\]$/.exec(found);
  return list?.[1] ? list[1].slice(1, -1).replaceAll("', '", ", ") : found;
}
