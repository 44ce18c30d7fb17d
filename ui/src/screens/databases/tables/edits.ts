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

/** None, up, down, none. */
export function nextSort(sort: readonly string[], column: string): string[] {
  if (sort[0] === column) return [`-${column}`];
  return sort[0] === `-${column}` ? [] : [column];
}
