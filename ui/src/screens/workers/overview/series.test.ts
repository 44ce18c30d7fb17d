import { expect, test } from "vitest";
import { counted, filled, named, short } from "./series";

const AT = Date.parse("2026-03-01T10:00:00Z");
const point = (at: number, count: number, errors: number) => ({
  at,
  count,
  errors,
  wall_ms: count * 20,
  cpu_ms: count * 4,
  memory_peak_bytes: 1024,
  p50_ms: 18,
  p95_ms: 40,
  p99_ms: 45,
  outcomes: { ok: count - errors, timeout: errors },
  statuses: { "2xx": count - errors },
});

test("steps without a call are drawn as none, not left out", () => {
  const steps = filled([point(AT + 120_000, 4, 1)], "2026-03-01T10:00:30Z", "2026-03-01T10:03:10Z", 1);
  expect(steps.map((step) => counted(step, ["2xx", "none"], "statuses"))).toEqual([
    { "2xx": 0, none: 0 },
    { "2xx": 0, none: 0 },
    { "2xx": 3, none: 1 },
    { "2xx": 0, none: 0 },
  ]);
  expect(steps.map(({ p95 }) => p95)).toEqual([null, null, 40, null]);
  expect([...named(steps, "outcomes")]).toEqual(["ok", "timeout"]);
  expect(steps[0]?.at).toBe("2026-03-01T10:00:00.000Z");
});

test("steps begin where the server's do: at whole multiples of their length", () => {
  const size = 12 * 60_000;
  const at = Math.floor(AT / size) * size;
  const steps = filled([point(at, 2, 0)], "2026-03-01T10:00:00Z", "2026-03-01T10:30:00Z", 12);
  expect(steps[0]).toMatchObject({ statuses: { "2xx": 2 }, cpu: 4, memory: 1024 });
});

test("short durations keep a digit", () => {
  expect([short(0.42), short(12.4), short(1240)]).toEqual(["0.4 ms", "12 ms", "1.24 s"]);
});
