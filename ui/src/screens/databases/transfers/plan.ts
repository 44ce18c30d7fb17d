import type { HoldfastFeaturesTransfersWireFileIn as FileIn, ImportIn, UploadOut } from "@/api";

export interface Plan {
  /** As it was typed or chosen; null is what the file's name says. */
  table: string | null;
  columns: Readonly<Record<string, string>>;
  types: NonNullable<ImportIn["types"]>;
  conflict: "fail" | "skip" | "update";
  errors: number;
  file: FileIn;
}

export const KINDS = [
  "text",
  "integer",
  "decimal",
  "float",
  "boolean",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "uuid",
  "json",
  "bytes",
] as const;

/** `Orders 2026.csv.gz` -> `orders_2026`; a table that is there under that name is that one. */
export function tableOf(file: string, tables: readonly string[]): string {
  const bare = file.replace(/^.*[\\/]/, "").replace(/(\.(csv|tsv|txt|json|ndjson|jsonl|parquet|sql|gz|zst))+$/i, "");
  const name = bare
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_]+/gu, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, 63);
  const named = name && !/^\d/.test(name) ? name : `table_${name}`.replace(/_$/, "");
  return tables.find((each) => each === named || each.endsWith(`.${named}`)) ?? named;
}

/** A script says itself where its rows go; everything else is said here. */
export function bodyOf(upload: UploadOut, plan: Plan, table: string, script: boolean): ImportIn {
  if (script) return { upload_id: upload.id, file: plan.file };
  return {
    upload_id: upload.id,
    table,
    columns: { ...plan.columns },
    types: plan.types,
    on_conflict: plan.conflict,
    errors: plan.errors,
    file: plan.file,
  };
}

export interface BadRow {
  line: number;
  column: string | null;
  value: string | null;
  reason: string;
  row?: string;
}

/** Lines of JSON; one that cannot be read is left out rather than all the others with it. */
export function badRowsOf(text: string, most: number): BadRow[] {
  const found: BadRow[] = [];
  for (const line of text.split("\n")) {
    if (found.length >= most) break;
    if (!line.trim()) continue;
    try {
      found.push(JSON.parse(line) as BadRow);
    } catch {
      // The last line of a report that was cut off.
    }
  }
  return found;
}
