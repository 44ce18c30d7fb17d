export const WAYS = ["empty", "fixed", "initial"] as const;
export type Way = (typeof WAYS)[number];

export interface ColumnRule {
  /** `customers`, or `sales.customers` where there are schemas. */
  table: string;
  column: string;
  way: Way;
  /** What stands there afterwards; for `fixed`. */
  text: string;
}

const name = (word: string) => `"${word.replaceAll('"', '""')}"`;
const value = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** One column masked, in SQL that every engine with tables speaks. Names are quoted, so that none of them can end it. */
export function statementOf({ table, column, way, text }: ColumnRule): string {
  const place = table.split(".").map(name).join(".");
  const at = name(column);
  if (way === "empty") return `UPDATE ${place} SET ${at} = NULL`;
  if (way === "fixed") return `UPDATE ${place} SET ${at} = ${value(text)} WHERE ${at} IS NOT NULL`;
  return `UPDATE ${place} SET ${at} = substr(${at}, 1, 1) || '***' WHERE ${at} IS NOT NULL`;
}
