import { expect, test } from "vitest";
import { lineOf, parse, rhythmOf, upcoming } from "./cron";

const NOW = Date.UTC(2026, 10, 22, 1, 30); // a Sunday

test("what the controls can say comes back as it was", () => {
  for (const line of ["15 * * * *", "0 2 * * *", "30 23 * * 1,3,5", "0 4 31 * *"]) {
    expect(rhythmOf(line).every).not.toBe("own");
    expect(lineOf(rhythmOf(line))).toBe(line);
  }
});

test("what they cannot say is kept as a line", () => {
  for (const line of ["*/5 * * * *", "0 2 1 1 *", "0 2 1 * 1", "0 2-4 * * *", "nonsense", ""]) {
    expect(rhythmOf(line).every).toBe("own");
    expect(lineOf(rhythmOf(line))).toBe(line);
  }
});

test("presets are lines with a name", () => {
  expect(rhythmOf("weekly")).toMatchObject({ every: "week", days: [0], hour: 0, minute: 0 });
  expect(rhythmOf("@daily").every).toBe("day");
});

test("lines that are none are not read", () => {
  for (const line of [
    "",
    "* * * *",
    "60 * * * *",
    "* 24 * * *",
    "5-1 * * * *",
    "*/0 * * * *",
    "x * * * *",
    "* * 0 * *",
  ])
    expect(parse(line)).toBe(null);
  expect([...(parse("0 0 * jan-mar mon,7")?.[4] ?? [])].sort()).toEqual([0, 1]);
});

test("the next moments, in the zone's own time", () => {
  const said = (line: string, tz: string, count = 3) => upcoming(line, tz, count, NOW).map((at) => at.toISOString());
  expect(said("0 2 * * *", "UTC")).toEqual([
    "2026-11-22T02:00:00.000Z",
    "2026-11-23T02:00:00.000Z",
    "2026-11-24T02:00:00.000Z",
  ]);
  expect(said("0 2 * * *", "Asia/Jakarta", 1)).toEqual(["2026-11-22T19:00:00.000Z"]);
  expect(said("0 0 29 2 *", "UTC", 1)).toEqual(["2028-02-29T00:00:00.000Z"]);
  expect(said("*/20 * * * *", "UTC", 2)).toEqual(["2026-11-22T01:40:00.000Z", "2026-11-22T02:00:00.000Z"]);
  expect(said("0 0 13 * 5", "UTC", 2)).toEqual(["2026-11-27T00:00:00.000Z", "2026-12-04T00:00:00.000Z"]);
  expect(said("0 0 31 2 *", "UTC")).toEqual([]);
  expect(said("0 2 * * *", "No/Where")).toEqual([]);
});

test("clocks that are put forward or back", () => {
  const spring = upcoming("0 3 * * *", "Europe/Berlin", 2, Date.UTC(2026, 2, 28, 0)).map((at) => at.toISOString());
  expect(spring).toEqual(["2026-03-28T02:00:00.000Z", "2026-03-29T01:00:00.000Z"]);
});
