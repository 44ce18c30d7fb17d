/** Where what an id names is shown; null where it has no page, or where it is no id. */
const PAGES: Record<string, string> = {
  run: "/runs/",
  db: "/databases/",
  snap: "/snapshots/",
  plan: "/plans/",
  repo: "/repositories/",
};

export function linkOf(text: string): string | null {
  const kind = /^([a-z]+)_[0-9A-Za-z]{20,}$/.exec(text)?.[1];
  const page = kind === undefined ? undefined : PAGES[kind];
  return page === undefined ? null : page + text;
}
