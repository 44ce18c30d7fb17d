/** The address's query as plain words: `?state=ready,failed&q=shop`, no JSON in it. */
export type Search = Record<string, string>;

export function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const said = Object.entries(search).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(said.map(([key, value]) => [key, String(value)])).toString();
  return text ? `?${text.replaceAll("%2C", ",").replaceAll("%3A", ":")}` : "";
}

/** What goes along from screen to screen. */
export function kept(search: Search): Search {
  const { project, env } = search;
  return { ...(project && { project }), ...(env && { env }) };
}
