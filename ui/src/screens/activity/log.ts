import type { LogLine } from "./useRunStream";

export const LEVELS = ["all", "warning", "error"] as const;
export type Level = (typeof LEVELS)[number];

const WEIGHT: Record<string, number> = { debug: 0, info: 1, warning: 2, error: 3, critical: 4 };
const weight = (level: string) => WEIGHT[level] ?? 1;

/** Lines at least as grave as `level`; "all" keeps every one. */
export function atLeast(lines: readonly LogLine[], level: Level): readonly LogLine[] {
  if (level === "all") return lines;
  const least = weight(level);
  return lines.filter((line) => weight(line.level) >= least);
}

/** What a line says beside its message, as `name=value`. */
export function fieldsOf({ fields }: Pick<LogLine, "fields">): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}

export function asText(lines: readonly LogLine[]): string {
  return lines.map((line) => [line.at, line.level, line.message, fieldsOf(line)].filter(Boolean).join(" ")).join("\n");
}

interface Begun {
  phase: string;
  at: string;
}

/** Each phase with how long it lasted; the last one until `end`, null while it is at work. */
export function lastings(phases: readonly Begun[], end: string | null): { phase: string; seconds: number | null }[] {
  return phases.map(({ phase, at }, nth) => {
    const until = phases[nth + 1]?.at ?? end;
    return { phase, seconds: until === null ? null : Math.max(0, (Date.parse(until) - Date.parse(at)) / 1000) };
  });
}

/** What a run that was not begun waits for; null when it does not wait. */
export function waitingFor(
  run: { state: string; scheduled_at: string | null; carrier?: string | null; resource_id: string | null },
  busy: string | undefined,
  now: number = Date.now(),
): "moment" | "batch" | "other" | "turn" | null {
  if (run.state !== "queued") return null;
  if (run.scheduled_at && Date.parse(run.scheduled_at) > now) return "moment";
  if (run.carrier) return "batch";
  return busy ? "other" : "turn";
}
