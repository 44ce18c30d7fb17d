import type { HoldfastFeaturesBackupsWireTableOut as TableOut } from "@/api";

export type Change = "added" | "removed" | "columns" | "rows" | "content" | "same" | "unknown";

export interface Difference {
  label: string;
  change: Change;
  before: number | null;
  after: number | null;
  /** Columns that only one of the two has, `+` and `-` before their names; `~` where the type is another. */
  columns: string[];
}

const labelOf = (table: TableOut) => (table.schema ? `${table.schema}.${table.name}` : table.name);
const ORDER: readonly Change[] = ["removed", "added", "columns", "rows", "content", "unknown", "same"];

/** Two catalogs as one list, what differs first. Equal counts with other digests are other content. */
export function compared(before: readonly TableOut[], after: readonly TableOut[]): Difference[] {
  const old = new Map(before.map((table) => [labelOf(table), table]));
  const now = new Map(after.map((table) => [labelOf(table), table]));
  const labels = [...new Set([...old.keys(), ...now.keys()])];
  return labels
    .map((label) => differ(label, old.get(label), now.get(label)))
    .sort((a, b) => ORDER.indexOf(a.change) - ORDER.indexOf(b.change) || a.label.localeCompare(b.label));
}

function differ(label: string, one: TableOut | undefined, other: TableOut | undefined): Difference {
  const found = { label, before: one?.rows ?? null, after: other?.rows ?? null };
  if (!one || !other) return { ...found, change: one ? "removed" : "added", columns: [] };
  const columns = columnsOf(one, other);
  return { ...found, columns, change: changeOf(one, other, columns) };
}

function changeOf(one: TableOut, other: TableOut, columns: readonly string[]): Change {
  if (columns.length > 0) return "columns";
  if (one.rows !== other.rows) return "rows";
  if (one.digest === null || other.digest === null) return "unknown";
  return one.digest === other.digest ? "same" : "content";
}

function columnsOf(one: TableOut, other: TableOut): string[] {
  const types = (table: TableOut) => new Map(table.columns.map(({ name, type }) => [String(name), String(type)]));
  const [old, now] = [types(one), types(other)];
  return [
    ...[...old.keys()].filter((name) => !now.has(name)).map((name) => `-${name}`),
    ...[...now.keys()].filter((name) => !old.has(name)).map((name) => `+${name}`),
    ...[...now].filter(([name, type]) => old.has(name) && old.get(name) !== type).map(([name]) => `~${name}`),
  ];
}
