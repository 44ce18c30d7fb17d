import { expect, test } from "vitest";
import { themeAt } from "@/shell/appearance";
import { ago, bytes, lasted } from "./text";

test("sizes have three figures at most", () => {
  expect([0, 1023, 1024, 1_300_000, 150 * 2 ** 30].map((size) => bytes(size, "en"))).toEqual([
    "0 B",
    "1,023 B",
    "1 KB",
    "1.24 MB",
    "150 GB",
  ]);
});

test("moments are said from now, in both directions and languages", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  expect(ago("2026-01-01T11:57:00Z", now, "en")).toBe("3 min. ago");
  expect(ago("2026-01-01T14:00:00Z", now, "en")).toBe("in 2 hr.");
  expect(ago("2026-01-01T11:59:40Z", now, "en")).toBe("now");
  expect(ago("2026-01-01T11:57:00Z", now, "id")).toContain("3");
});

test("durations", () => {
  expect([0.0301, 4.25, 200, 7500].map((seconds) => lasted(seconds, "en"))).toEqual([
    "30 ms",
    "4.3 s",
    "3 min 20 s",
    "2 h 5 min",
  ]);
});

test("by time, it is dark from 19:00 to 07:00", () => {
  expect([6, 7, 18, 19].map((hour) => themeAt("time", false, hour))).toEqual(["dark", "light", "light", "dark"]);
  expect(themeAt("system", true, 12)).toBe("dark");
});
