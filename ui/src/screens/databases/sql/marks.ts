import { tokens } from "./tokens";

interface Told {
  message: string;
  details: Record<string, unknown>;
}

/** PostgreSQL counts characters from 1, JavaScript half of some of them. */
function unitsOf(sql: string, characters: number): number {
  return Array.from(sql).slice(0, Math.max(0, characters)).join("").length;
}

const NAMED = [
  /near "([\s\S]+?)":/,
  /no such (?:column|table|function): (?:[^.\s]+\.)?(\S+)/,
  /(?:relation|column|function|table) "?([^"\s(]+)"?(?:\([^)]*\))? (?:does not exist|has no)/,
];

/** Where in the statement the error is: at the server's position, else at the word it names, else the whole. */
export function placeOf(sql: string, error: Told): [number, number] {
  const all = tokens(sql);
  const { position } = error.details;
  const at = Number(position);
  if (position !== undefined && Number.isInteger(at) && at > 0) {
    const from = Math.min(unitsOf(sql, at - 1), sql.length);
    const token = all.find((each) => each.from <= from && from < each.to);
    return token ? [from, token.to] : [Math.max(0, from - 1), Math.max(1, from)];
  }
  for (const pattern of NAMED) {
    const word = pattern.exec(error.message)?.[1];
    const token = word && all.find(({ text, kind }) => kind !== "comment" && text.toLowerCase() === word.toLowerCase());
    if (token) return [token.from, token.to];
  }
  return [0, sql.length];
}
