import { quoted } from "./complete";
import { bytesOf, type Cell, hexOf, textOf } from "./values";

export const FORMATS = ["csv", "json", "sql", "markdown"] as const;
export type Format = (typeof FORMATS)[number];

export interface Rows {
  columns: readonly { name: string; type: string | null }[];
  rows: readonly (readonly Cell[])[];
}

/** A spreadsheet must not run what a stranger wrote: text that begins like a formula gets an apostrophe. */
function csvCell(value: Cell): string {
  if (value === null || value === undefined) return "";
  const raw = textOf(value);
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(raw) && !/^[+-]?[\d.]+$/.test(raw) ? `'${raw}` : raw;
  return /[",\r\n]/.test(text) || text === "" ? `"${text.replaceAll('"', '""')}"` : text;
}

/** NULL is nothing between the commas, an empty text "". */
function csv({ columns, rows }: Rows): string {
  const lines = [columns.map(({ name }) => csvCell(name)), ...rows.map((row) => row.map(csvCell))];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

/** Of two columns with one name both stay: the second is `name_2`. */
function names(columns: Rows["columns"]): string[] {
  const seen = new Map<string, number>();
  return columns.map(({ name }) => {
    const nth = (seen.get(name) ?? 0) + 1;
    seen.set(name, nth);
    return nth === 1 ? name : `${name}_${nth}`;
  });
}

function json({ columns, rows }: Rows): string {
  const keys = names(columns);
  return JSON.stringify(
    rows.map((row) => Object.fromEntries(keys.map((key, at) => [key, row[at] ?? null]))),
    null,
    2,
  );
}

const EXACT = /int|numeric|decimal|real|double|float|serial/i;

function sqlCell(value: Cell, type: string | null): string {
  if (value === null || value === undefined) return "NULL";
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "TRUE" : "FALSE";
  const bytes = bytesOf(value);
  if (bytes !== null) return `X'${hexOf(bytes)}'`;
  const text = textOf(value);
  if (typeof value === "string" && EXACT.test(type ?? "") && /^-?\d+(\.\d+)?$/.test(text)) return text;
  return `'${text.replaceAll("'", "''")}'`;
}

function sql({ columns, rows }: Rows, table: string): string {
  const into = `INSERT INTO ${quoted(table)} (${columns.map(({ name }) => quoted(name)).join(", ")}) VALUES`;
  return rows.map((row) => `${into} (${columns.map(({ type }, at) => sqlCell(row[at], type)).join(", ")});\n`).join("");
}

function markdown({ columns, rows }: Rows): string {
  const said = (text: string) =>
    text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("<", "&lt;").replace(/\r?\n/g, "<br>");
  const cell = (value: Cell) => (value === null || value === undefined ? "*NULL*" : said(textOf(value)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return (
    line(columns.map(({ name }) => said(name))) +
    line(columns.map(({ type }) => (EXACT.test(type ?? "") ? "---:" : "---"))) +
    rows.map((row) => line(columns.map((_, at) => cell(row[at])))).join("")
  );
}

/** `table` names what the INSERTs go into. */
export function copied(format: Format, result: Rows, table = "table_name"): string {
  if (format === "csv") return csv(result);
  if (format === "json") return json(result);
  return format === "sql" ? sql(result, table) : markdown(result);
}
