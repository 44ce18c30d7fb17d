/** A statement's pieces, for any SQL dialect there is here: enough to find tables, aliases, parameters and ends. */
export interface Token {
  kind: "word" | "quoted" | "text" | "number" | "param" | "comment" | "sign";
  /** As written. */
  text: string;
  from: number;
  to: number;
}

const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const NUMBER = /\d[\d_.]*(?:[eE][+-]?\d+)?/y;
const TAG = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
const PARAM = /[:@$][\p{L}_][\p{L}\p{N}_]*|\$\d+|\?\d*/uy;

function at(pattern: RegExp, sql: string, place: number): string | null {
  pattern.lastIndex = place;
  return pattern.exec(sql)?.[0] ?? null;
}

/** Up to and with the closing mark, which doubled stands for itself; an open one runs to the end. */
function closing(sql: string, from: number, mark: string, escapes: boolean): number {
  for (let place = from + 1; place < sql.length; place++) {
    if (escapes && sql[place] === "\\") place += 1;
    else if (sql[place] === mark) {
      if (sql[place + 1] !== mark) return place + 1;
      place += 1;
    }
  }
  return sql.length;
}

/** Block comments nest, as PostgreSQL's do. */
function commentEnd(sql: string, from: number): number {
  let depth = 0;
  for (let place = from; place < sql.length; place++) {
    if (sql.startsWith("/*", place)) {
      depth += 1;
      place += 1;
    } else if (sql.startsWith("*/", place)) {
      depth -= 1;
      place += 1;
      if (depth === 0) return place + 1;
    }
  }
  return sql.length;
}

function next(sql: string, from: number): [Token["kind"], number] {
  const char = sql[from] as string;
  if (sql.startsWith("--", from)) {
    const end = sql.indexOf("\n", from);
    return ["comment", end < 0 ? sql.length : end];
  }
  if (sql.startsWith("/*", from)) return ["comment", commentEnd(sql, from)];
  if (char === "'") return ["text", closing(sql, from, "'", false)];
  if (/[eE]/.test(char) && sql[from + 1] === "'") return ["text", closing(sql, from + 1, "'", true)];
  if (char === '"' || char === "`") return ["quoted", closing(sql, from, char, false)];
  const tag = char === "$" ? at(TAG, sql, from) : null;
  if (tag) {
    const end = sql.indexOf(tag, from + tag.length);
    return ["text", end < 0 ? sql.length : end + tag.length];
  }
  if (sql.startsWith("::", from)) return ["sign", from + 2];
  const param = /[:@$?]/.test(char) ? at(PARAM, sql, from) : null;
  if (param) return ["param", from + param.length];
  const word = at(WORD, sql, from);
  if (word) return ["word", from + word.length];
  const number = at(NUMBER, sql, from);
  return number ? ["number", from + number.length] : ["sign", from + 1];
}

/** Every piece but white space, in order; never throws, whatever is typed. */
export function tokens(sql: string): Token[] {
  const found: Token[] = [];
  for (let place = 0; place < sql.length; ) {
    if (/\s/.test(sql[place] as string)) {
      place += 1;
      continue;
    }
    const [kind, to] = next(sql, place);
    found.push({ kind, text: sql.slice(place, to), from: place, to });
    place = to;
  }
  return found;
}

export const isName = (token: Token | undefined): token is Token => token?.kind === "word" || token?.kind === "quoted";

/** The name that is meant: quotes off. */
export function plainName(token: Token): string {
  if (token.kind !== "quoted") return token.text;
  const mark = token.text.charAt(0);
  const inner = token.text.slice(1, token.text.endsWith(mark) && token.text.length > 1 ? -1 : undefined);
  return inner.replaceAll(mark + mark, mark);
}

export interface Statement {
  text: string;
  from: number;
  to: number;
}

/** Each statement without its semicolon. The body of a trigger is part of it. */
export function statements(sql: string): Statement[] {
  const found: Statement[] = [];
  let words: string[] = [];
  let depth = 0;
  let from = -1;
  let to = 0;
  const close = () => {
    if (from >= 0) found.push({ text: sql.slice(from, to), from, to });
    words = [];
    depth = 0;
    from = -1;
  };
  for (const token of tokens(sql)) {
    if (token.kind === "comment") continue;
    if (token.text === ";" && depth === 0) {
      close();
      continue;
    }
    if (from < 0) from = token.from;
    to = token.to;
    if (token.kind !== "word") continue;
    const word = token.text.toLowerCase();
    if (words.length < 5) words.push(word);
    if (words[0] !== "create" || !words.includes("trigger")) continue;
    if (word === "begin" || word === "case") depth += 1;
    if (word === "end") depth = Math.max(0, depth - 1);
  }
  close();
  return found;
}

/** The one the caret is in or, between two, the one before it. */
export function statementAt(sql: string, caret: number): Statement | null {
  const all = statements(sql);
  return (
    all.find(({ from, to }) => from <= caret && caret <= to) ?? all.findLast(({ to }) => to <= caret) ?? all[0] ?? null
  );
}

/** Names of `:name` parameters, each once. Others (`?`, `$1`) are not asked for. */
export function parameters(sql: string): string[] {
  const named = tokens(sql).filter(({ kind, text }) => kind === "param" && text.startsWith(":"));
  return [...new Set(named.map(({ text }) => text.slice(1)))];
}
