import type { ResultColumn } from "../sql/stream";
import type { Cell } from "../sql/values";

export const TYPES = ["string", "hash", "list", "set", "zset", "stream"] as const;
export type KeyType = (typeof TYPES)[number];

const column = (name: string, type: string | null = null): ResultColumn => ({ name, type });

/** How elements of each type stand in a grid, and which of its columns may be written. */
const SHAPES: Record<string, { columns: readonly ResultColumn[]; writable: number | null }> = {
  hash: { columns: [column("field"), column("value")], writable: 1 },
  list: { columns: [column("index", "integer"), column("value")], writable: 1 },
  set: { columns: [column("member")], writable: null },
  zset: { columns: [column("member"), column("score", "double")], writable: 1 },
  stream: { columns: [column("id"), column("fields")], writable: null },
};

export const columnsOf = (type: string): readonly ResultColumn[] => SHAPES[type]?.columns ?? [column("value")];
export const writableOf = (type: string): number | null => SHAPES[type]?.writable ?? null;

const pair = (element: unknown): [Cell, Cell] => (Array.isArray(element) ? [element[0], element[1]] : [element, null]);

/** A stream's fields as a document where they are texts of different names; as pairs else. */
function fieldsOf(fields: Cell): Cell {
  const list = Array.isArray(fields) ? (fields as unknown[]).map(pair) : [];
  const plain = list.every(([name, value]) => typeof name === "string" && typeof value === "string");
  const named = new Set(list.map(([name]) => name)).size === list.length;
  return plain && named ? { $json: Object.fromEntries(list) } : list;
}

export function rowOf(type: string, element: unknown, place: number): Cell[] {
  if (type === "list") return [place, element];
  if (type === "stream") return [pair(element)[0], fieldsOf(pair(element)[1])];
  return type === "hash" || type === "zset" ? pair(element) : [element];
}

export interface Change {
  put: Cell[];
  remove: Cell[];
}

/** What writes `value` in the place of the row's. */
export function putOf(row: readonly Cell[], value: Cell): Change {
  return { put: [[row[0], value]], remove: [] };
}

/** What takes these rows away: by index in a list, by name elsewhere. */
export function removeOf(rows: readonly (readonly Cell[])[]): Change {
  return { put: [], remove: rows.map(([first]) => first) };
}

/** What puts rows that were removed back; null where that would put them elsewhere than they were. */
export function backOf(type: string, elements: readonly unknown[]): Change | null {
  return type === "list" || type === "stream" ? null : { put: [...elements], remove: [] };
}

export interface Pair {
  first: string;
  second: string;
}

/** Elements as the wire wants them, out of what was typed. Throws with the word of `keys.json` that says what is wrong. */
export function elementsOf(type: KeyType, text: string, pairs: readonly Pair[]): Cell[] {
  const said = pairs.filter(({ first, second }) => first !== "" || second !== "");
  if (type === "string") return [text];
  if (type === "list" || type === "set") {
    const lines = text.split("\n").filter((line, at, all) => line !== "" || at < all.length - 1);
    if (lines.length === 0) throw new Error("nothing");
    return lines;
  }
  if (said.length === 0) throw new Error("nothing");
  if (type === "stream") return [["*", said.map(({ first, second }) => [first, second])]];
  if (type === "hash") return said.map(({ first, second }) => [first, second]);
  return said.map(({ first, second }) => {
    if (second.trim() === "" || Number.isNaN(Number(second))) throw new Error("notNumber");
    return [first, Number(second)];
  });
}

export type Unit = "s" | "min" | "h" | "d";
const SECONDS: Record<Unit, number> = { s: 1, min: 60, h: 3600, d: 86_400 };

/** The moment so long from now, as the wire has it. */
export function momentIn(count: number, unit: Unit, now: number = Date.now()): string {
  return new Date(now + count * SECONDS[unit] * 1000).toISOString();
}

/** What is left in the largest unit that is not a fraction: "12 min". */
export function leftOf(at: string, now: number = Date.now()): { count: number; unit: Unit } {
  const seconds = Math.max(0, Math.round((Date.parse(at) - now) / 1000));
  const unit = (["d", "h", "min"] as const).find((each) => seconds >= SECONDS[each] * 2) ?? "s";
  return { count: Math.floor(seconds / SECONDS[unit]), unit };
}

/** Bytes in lines of 16: where, hexadecimal, and what of it is ASCII. */
export function hexLines(bytes: Uint8Array, most = 4096): string[] {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const some = Array.from(bytes.subarray(at, at + 16));
    const hex = some.map((code) => code.toString(16).padStart(2, "0")).join(" ");
    const text = some.map((code) => (code > 31 && code < 127 ? String.fromCharCode(code) : ".")).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines;
}

/** `00ff 10` as bytes; null when it is not hexadecimal. */
export function bytesOfHex(typed: string): Uint8Array | null {
  const text = typed.replace(/\s|\\x/g, "");
  if (text.length % 2 === 1 || !/^[0-9a-f]*$/i.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (two) => Number.parseInt(two, 16));
}
