import type { Column, Value } from "./types";

/** A cell that a spreadsheet would take for a formula gets an apostrophe; quotes as RFC 4180 has them. */
function csvCell(value: Value): string {
  if (value === null || value === undefined) return "";
  const raw = String(value);
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(raw) ? `'${raw}` : raw;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function toCsv<R>(rows: readonly R[], columns: readonly Column<R>[]): string {
  const lines = rows.map((row) => columns.map(({ value }) => csvCell(value(row))).join(","));
  return `${[columns.map(({ title }) => csvCell(title)).join(","), ...lines].join("\r\n")}\r\n`;
}

export function toJson<R>(rows: readonly R[], columns: readonly Column<R>[]): string {
  const found = rows.map((row) => Object.fromEntries(columns.map(({ id, value }) => [id, value(row) ?? null])));
  return `${JSON.stringify(found, null, 2)}\n`;
}

export function saveFile(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
