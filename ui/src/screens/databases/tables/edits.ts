import type { Cell } from "../sql/values";

/** Changes not yet written: by the row's key, the columns that get another value. */
export type Edits = ReadonlyMap<string, Readonly<Record<string, Cell>>>;

const same = (a: Cell, b: Cell): boolean => a === b || JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** With `column` of the row `key` as `value`; a value put back to what it was is no change. */
export function edited(edits: Edits, key: string, column: string, value: Cell, before: Cell): Edits {
  const next = new Map(edits);
  const { [column]: _old, ...others } = next.get(key) ?? {};
  const row = same(value, before) ? others : { ...others, [column]: value };
  if (Object.keys(row).length === 0) next.delete(key);
  else next.set(key, row);
  return next;
}

export function without(edits: Edits, keys: readonly string[]): Edits {
  return new Map([...edits].filter(([key]) => !keys.includes(key)));
}

export const OPERATORS = ["eq", "ne", "lt", "le", "gt", "ge", "contains", "like", "null"] as const;
export type Operator = (typeof OPERATORS)[number];
export interface Where {
  column: string;
  op: Operator;
  value: string;
}

/** Filters in the address: one JSON list, nothing when there is none. What cannot be read is no filter. */
export function toAddress(where: readonly Where[]): string | undefined {
  return where.length > 0 ? JSON.stringify(where.map(({ column, op, value }) => [column, op, value])) : undefined;
}

export function fromAddress(text: string | undefined): Where[] {
  try {
    const list: unknown = JSON.parse(text ?? "[]");
    if (!Array.isArray(list)) return [];
    return list.flatMap((each: unknown) => {
      const [column, op, value] = Array.isArray(each) ? (each as unknown[]) : [];
      const known = OPERATORS.find((one) => one === op);
      return typeof column === "string" && known ? [{ column, op: known, value: String(value ?? "") }] : [];
    });
  } catch {
    return [];
  }
}

/** As the API wants it: numbers for columns of numbers, true or false for `null`. */
export function filterOf(
  { column, op, value }: Where,
  type: string | null,
): { column: string; op: Operator; value: unknown } {
  if (op === "null") return { column, op, value: value !== "no" };
  const numeric = /int|numeric|decimal|real|double|float|serial/i.test(type ?? "");
  const exact = numeric && /^-?\d+(\.\d+)?$/.test(value) && Number.isSafeInteger(Math.trunc(Number(value)));
  if (/bool/i.test(type ?? "") && /^(true|false)$/i.test(value))
    return { column, op, value: value.toLowerCase() === "true" };
  return { column, op, value: exact && op !== "like" && op !== "contains" ? Number(value) : value };
}

/** What was typed for a new row: left empty is left to the column's default; numbers and truth by the column's type. */
export function valuesOf(
  typed: Readonly<Record<string, string>>,
  columns: readonly { name: string; type: string }[],
): Record<string, unknown> {
  const said = columns.filter(({ name }) => (typed[name] ?? "") !== "");
  return Object.fromEntries(
    said.map(({ name, type }) => {
      const text = typed[name] ?? "";
      if (text === "NULL") return [name, null];
      return [name, filterOf({ column: name, op: "eq", value: text }, type).value];
    }),
  );
}

export interface Link {
  columns: readonly string[];
  schema: string | null;
  table: string;
  referenced: readonly string[];
}

const NAME = '(?:"(?:[^"]|"")+"|[^\\s"().,]+)';
const REFERENCES = new RegExp(`REFERENCES\\s+(?:(${NAME})\\.)?(${NAME})\\s*(?:\\(([^)]*)\\))?`, "i");
const bare = (name: string) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);

/** Where a foreign key points, as its definition says; null for what is none. */
export function linkOf(constraint: { kind: string; columns: readonly string[]; definition: string }): Link | null {
  const found = constraint.kind.replaceAll("_", " ") === "foreign key" ? REFERENCES.exec(constraint.definition) : null;
  if (!found) return null;
  const [, schema, table = "", columns = ""] = found;
  const referenced = columns
    .split(",")
    .map((each) => bare(each.trim()))
    .filter(Boolean);
  return { columns: constraint.columns, schema: schema ? bare(schema) : null, table: bare(table), referenced };
}

/** None, up, down, none. */
export function nextSort(sort: readonly string[], column: string): string[] {
  if (sort[0] === column) return [`-${column}`];
  return sort[0] === `-${column}` ? [] : [column];
}
