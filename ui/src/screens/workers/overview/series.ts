import type { PointOut } from "@/api";
import type { Counts } from "../answered";

export interface Step {
  at: string;
  /** Answers by class, and `none`: calls that have no status. */
  statuses: Counts;
  outcomes: Counts;
  /** Milliseconds; null where nothing was called. */
  p50: number | null;
  p95: number | null;
  p99: number | null;
  /** Milliseconds of a call, on average. */
  cpu: number | null;
  memory: number | null;
}

const MINUTE = 60_000;

/** Every step of the window, since the server leaves out those in which nothing was called. */
export function filled(points: readonly PointOut[], since: string, until: string, stepMinutes: number): Step[] {
  const size = stepMinutes * MINUTE;
  const by = new Map(points.map((point) => [point.at, point]));
  const steps: Step[] = [];
  for (let at = Math.floor(Date.parse(since) / size) * size; at <= Date.parse(until); at += size)
    steps.push(step(at, by.get(at)));
  return steps;
}

function step(at: number, point: PointOut | undefined): Step {
  const count = point?.count ?? 0;
  const statuses = point?.statuses ?? {};
  return {
    at: new Date(at).toISOString(),
    statuses: { ...statuses, none: count - Object.values(statuses).reduce((sum, each) => sum + each, 0) },
    outcomes: point?.outcomes ?? {},
    p50: point?.p50_ms ?? null,
    p95: point?.p95_ms ?? null,
    p99: point?.p99_ms ?? null,
    cpu: point && count > 0 ? point.cpu_ms / count : null,
    memory: point?.memory_peak_bytes ?? null,
  };
}

/** What a step counts by name, as a chart draws it: 0 where a step has none of it. */
export function counted(step: Step, names: readonly string[], of: "statuses" | "outcomes"): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, step[of][name] ?? 0]));
}

/** Names that any step counts. */
export function named(steps: readonly Step[], of: "statuses" | "outcomes"): Set<string> {
  return new Set(steps.flatMap((step) => Object.entries(step[of]).flatMap(([name, many]) => (many > 0 ? [name] : []))));
}

/** `0.4 ms`, `12 ms`, `1.2 s`: a duration that is mostly short. */
export function short(ms: number): string {
  if (ms >= 1000) return `${rounded(ms / 1000, 2)} s`;
  return `${rounded(ms, ms < 10 ? 1 : 0)} ms`;
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
