import { isName, plainName, type Token, tokens } from "./tokens";

export interface Source {
  schema: string;
  name: string;
  alias: string;
  /** Of a WITH or a subquery, whose columns are named there. */
  columns?: readonly string[];
}

export interface Scope {
  sources: readonly Source[];
  /** What stands before the dot the caret is behind: `o` of `o.|`. */
  qualifier: readonly string[];
  /** A table's name is wanted here. */
  wantsTable: boolean;
  /** What was typed of the word at the caret. */
  prefix: string;
  /** Inside text or a comment nothing is proposed. */
  silent: boolean;
}

const OPENERS = new Set(["from", "join", "update", "into", "table", "using"]);
const AFTER_TABLE = new Set(
  (
    "where on join inner left right full outer cross natural group order having limit offset union except intersect set " +
    "values returning using window fetch for as select from with lateral default indexed not conflict when then and or"
  ).split(" "),
);

const low = (token: Token | undefined): string => (token?.kind === "word" ? token.text.toLowerCase() : "");

/** The place after the bracket that closes the one at `open`. */
function beyond(list: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < list.length; at++) {
    if (list[at]?.text === "(") depth += 1;
    if (list[at]?.text === ")") depth -= 1;
    if (depth === 0) return at + 1;
  }
  return list.length;
}

/** The names that a SELECT gives its columns, as far as they are said: `a.b`, `b`, `... AS b`. */
function selected(list: readonly Token[]): string[] {
  const begin = list.findIndex((token) => low(token) === "select");
  if (begin < 0) return [];
  const found: string[] = [];
  let depth = 0;
  let last: Token | undefined;
  for (const token of list.slice(begin + 1)) {
    if (token.text === "(") depth += 1;
    else if (token.text === ")") depth -= 1;
    const ends = depth <= 0 && (token.text === "," || low(token) === "from" || depth < 0);
    if (ends) {
      if (isName(last)) found.push(plainName(last));
      last = undefined;
      if (token.text !== ",") return found;
    } else last = token;
  }
  if (isName(last)) found.push(plainName(last));
  return found;
}

function withs(list: readonly Token[]): Source[] {
  const found: Source[] = [];
  list.forEach((token, at) => {
    if (!isName(token) || AFTER_TABLE.has(low(token))) return;
    let as = at + 1;
    let columns: string[] | null = null;
    if (list[as]?.text === "(") {
      const end = beyond(list, as);
      columns = list
        .slice(as + 1, end - 1)
        .filter(isName)
        .map(plainName);
      as = end;
    }
    if (low(list[as]) !== "as") return;
    while (["materialized", "not"].includes(low(list[as + 1]))) as += 1;
    const before = list[at - 1];
    if (list[as + 1]?.text !== "(" || !(before?.text === "," || ["with", "recursive"].includes(low(before)))) return;
    const inside = list.slice(as + 2, beyond(list, as + 1) - 1);
    found.push({ schema: "", name: plainName(token), alias: "", columns: columns ?? selected(inside) });
  });
  return found;
}

/** The table that begins at `at`, with its alias, and the place after it. */
function sourceAt(list: readonly Token[], at: number): [Source | null, number] {
  let place = at;
  while (["only", "lateral"].includes(low(list[place]))) place += 1;
  let source: Source | null = null;
  if (list[place]?.text === "(") {
    const end = beyond(list, place);
    source = { schema: "", name: "", alias: "", columns: selected(list.slice(place + 1, end - 1)) };
    place = end;
  } else {
    const first = list[place];
    if (!isName(first) || AFTER_TABLE.has(low(first))) return [null, place];
    const names = [plainName(first)];
    place += 1;
    while (list[place]?.text === "." && isName(list[place + 1])) {
      names.push(plainName(list[place + 1] as Token));
      place += 2;
    }
    source = { schema: names.at(-2) ?? "", name: names.at(-1) ?? "", alias: "" };
  }
  const as = low(list[place]) === "as" ? place + 1 : place;
  const alias = list[as];
  if (isName(alias) && (as > place || alias.kind === "quoted" || !AFTER_TABLE.has(low(alias)))) {
    source = { ...source, alias: plainName(alias) };
    place = as + 1;
  }
  return [source, place];
}

/** Tables named anywhere in the statement: a subquery sees those around it, and a list is short. */
export function sourcesOf(list: readonly Token[]): Source[] {
  const common = withs(list);
  const found: Source[] = [];
  for (let at = 0; at < list.length; at++) {
    if (!OPENERS.has(low(list[at]))) continue;
    let place = at + 1;
    for (;;) {
      const [source, after] = sourceAt(list, place);
      const columns = source && !source.schema ? common.find(({ name }) => name === source.name)?.columns : undefined;
      if (source && (source.name || source.alias)) found.push(columns ? { ...source, columns } : source);
      if (!source || list[after]?.text !== ",") break;
      place = after + 1;
    }
  }
  return found;
}

/** What may stand at the caret of this one statement. */
export function scopeAt(sql: string, caret: number): Scope {
  const all = tokens(sql);
  const here = all.find(({ from, to }) => from < caret && caret <= to);
  const open = here && (here.kind === "text" || here.kind === "comment");
  const closed = here?.to === caret && here.kind === "text" && here.text.length > 1 && here.text.endsWith("'");
  const silent = Boolean(open && !closed) || here?.kind === "param" || here?.kind === "number";
  const list = all.filter(({ kind }) => kind !== "comment");
  let before = list.findLastIndex(({ to }) => to <= caret);
  let prefix = "";
  if (here && isName(here)) {
    prefix = here.kind === "word" ? sql.slice(here.from, caret) : sql.slice(here.from + 1, caret).replace(/["`]$/, "");
    before = list.indexOf(here) - 1;
  }
  const qualifier: string[] = [];
  while (list[before]?.text === "." && isName(list[before - 1])) {
    qualifier.unshift(plainName(list[before - 1] as Token));
    before -= 2;
  }
  const others = list.filter((token) => token !== here || !prefix);
  const wantsTable = OPENERS.has(low(list[before])) || (list[before]?.text === "," && inTables(list, before));
  return { sources: sourcesOf(wantsTable ? others : list), qualifier, wantsTable, prefix, silent };
}

/** Whether this comma parts tables: going back, FROM comes before anything else that may hold one. */
function inTables(list: readonly Token[], comma: number): boolean {
  let depth = 0;
  for (let at = comma - 1; at >= 0; at--) {
    const token = list[at];
    if (token?.text === ")") depth += 1;
    if (token?.text === "(" && --depth < 0) return false;
    if (depth > 0) continue;
    if (low(token) === "from") return true;
    if (["select", "where", "by", "set", "on", "values", "having", "returning", "using"].includes(low(token)))
      return false;
  }
  return false;
}
