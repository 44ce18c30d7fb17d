const MIB = 1024 * 1024;

/** One number a person types: what it is called, in which unit it is typed, and its bounds in that unit. */
export interface Amount {
  key:
    | "timeout_seconds"
    | "cpu_ms"
    | "memory_bytes"
    | "cpus"
    | "tasks"
    | "files"
    | "temporary_bytes"
    | "concurrency"
    | "body_bytes"
    | "log_lines";
  unit: "s" | "ms" | "MB" | "";
  low: number;
  high: number;
  step: number;
  /** May be left empty: no limit. */
  spare?: boolean;
}

/** As the API has them; bytes are typed in MB. */
export const AMOUNTS: readonly Amount[] = [
  { key: "timeout_seconds", unit: "s", low: 0.1, high: 900, step: 0.1 },
  { key: "cpu_ms", unit: "ms", low: 1, high: 900_000, step: 1, spare: true },
  { key: "memory_bytes", unit: "MB", low: 32, high: 65_536, step: 1 },
  { key: "cpus", unit: "", low: 0.05, high: 64, step: 0.05 },
  { key: "concurrency", unit: "", low: 1, high: 10_000, step: 1 },
  { key: "tasks", unit: "", low: 4, high: 4096, step: 1 },
  { key: "files", unit: "", low: 64, high: 65_536, step: 1 },
  { key: "temporary_bytes", unit: "MB", low: 0, high: 16_384, step: 1 },
  { key: "body_bytes", unit: "MB", low: 0, high: 10_240, step: 1 },
  { key: "log_lines", unit: "", low: 0, high: 100_000, step: 1 },
];

/** For the field; "" where there is none. */
export function typed({ unit }: Amount, value: number | null | undefined): string {
  if (value === null || value === undefined) return "";
  return String(unit === "MB" ? Math.round((value / MIB) * 100) / 100 : value);
}

/** For the API; null where nothing was typed. */
export function meant({ unit }: Amount, text: string): number | null {
  if (text.trim() === "") return null;
  return unit === "MB" ? Math.round(Number(text) * MIB) : Number(text);
}
