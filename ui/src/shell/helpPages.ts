// Apart from `help.ts`: this list comes with the first page that is read.
const PAGES = import.meta.glob<string>("../../../docs/{dashboard,how-to,concepts,security}/*.md", {
  query: "?raw",
  import: "default",
});
const BEFORE = "../../../docs/";

export function has(path: string): boolean {
  return `${BEFORE}${path}.md` in PAGES;
}

/** `dashboard/database-sql` is `dashboard/database` where a tab has no page of its own. */
export async function read(path: string): Promise<string> {
  const found = has(path) ? path : path.replace(/-[^-/]+$/, "");
  const load = PAGES[`${BEFORE}${found}.md`];
  if (!load) throw new Error(`There is no page ${path}.`);
  return load();
}

/** Where a link of a page leads inside the help: `../how-to/tags.md` of `dashboard/snapshots` is `how-to/tags`. */
export function resolved(from: string, href: string): string | null {
  const [target = ""] = href.split("#");
  if (!target.endsWith(".md") || /^[a-z]+:/.test(target)) return null;
  const path: string[] = [];
  for (const part of [...from.split("/").slice(0, -1), ...target.replace(/\.md$/, "").split("/")]) {
    if (part === "..") path.pop();
    else if (part !== ".") path.push(part);
  }
  const found = path.join("/");
  return has(found) ? found : null;
}
