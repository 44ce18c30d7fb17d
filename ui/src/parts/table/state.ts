import type { Search } from "@/shell/search";

/** What of a table is in the address: a link to it shows another person the same rows. */
export interface TableState {
  q: string;
  sort: { id: string; desc: boolean }[];
  filters: Record<string, string[]>;
  /** Columns shown, in the order of the table; null: those that are not spare. */
  columns: string[] | null;
}

const split = (text: string): string[] => text.split(",").filter(Boolean).map(decodeURIComponent);
const join = (words: readonly string[]): string =>
  words.map((word) => word.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");

/** Anything in the address that this table does not have is left out: an old link must not fail. */
export function fromSearch(search: Search, columnIds: readonly string[], filterIds: readonly string[]): TableState {
  const known = (id: string) => columnIds.includes(id);
  const sort = safely(search.sort)
    .map((word) => ({ id: word.replace(/^-/, ""), desc: word.startsWith("-") }))
    .filter(({ id }, at, all) => known(id) && all.findIndex((each) => each.id === id) === at);
  const columns = safely(search.cols).filter(known);
  const filters: Record<string, string[]> = {};
  for (const id of filterIds) {
    const values = safely(search[id]);
    if (values.length > 0) filters[id] = values;
  }
  return { q: search.q ?? "", sort, filters, columns: columns.length > 0 ? columns : null };
}

function safely(text: string | undefined): string[] {
  if (!text) return [];
  try {
    return split(text);
  } catch {
    return []; // a broken %-escape, typed by hand
  }
}

/** The parameters of a state; undefined takes one out of the address. */
export function toSearch(state: TableState, filterIds: readonly string[]): Record<string, string | undefined> {
  const search: Record<string, string | undefined> = {
    q: state.q || undefined,
    sort: join(state.sort.map(({ id, desc }) => (desc ? `-${id}` : id))) || undefined,
    cols: state.columns ? join(state.columns) : undefined,
  };
  for (const id of filterIds) search[id] = join(state.filters[id] ?? []) || undefined;
  return search;
}

/** A click: ascending, descending, off. With `add` the other columns stay sorted by first. */
export function sortBy(sort: TableState["sort"], id: string, add: boolean): TableState["sort"] {
  const before = sort.find((each) => each.id === id);
  const next = !before ? [{ id, desc: false }] : before.desc ? [] : [{ id, desc: true }];
  if (!add) return next;
  return before ? sort.flatMap((each) => (each.id === id ? next : [each])) : [...sort, ...next];
}

/** One value of a filter put in or taken out; where one is all it takes, in place of the other. */
export function toggled(values: readonly string[], value: string, many: boolean): string[] {
  if (values.includes(value)) return values.filter((each) => each !== value);
  return many ? [...values, value] : [value];
}
