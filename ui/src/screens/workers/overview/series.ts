import type { PointOut } from "@/api";

export interface Step {
  at: string;
  requests: number;
  errors: number;
  /** Milliseconds of a call, on average; null where there was none. */
  wall: number | null;
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
  return {
    at: new Date(at).toISOString(),
    requests: count - (point?.errors ?? 0),
    errors: point?.errors ?? 0,
    wall: point && count > 0 ? point.wall_ms / count : null,
    cpu: point && count > 0 ? point.cpu_ms / count : null,
    memory: point?.memory_peak_bytes ?? null,
  };
}

/** `0.4 ms`, `12 ms`, `1.2 s`: a duration that is mostly short. */
export function short(ms: number): string {
  if (ms >= 1000) return `${rounded(ms / 1000, 2)} s`;
  return `${rounded(ms, ms < 10 ? 1 : 0)} ms`;
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
