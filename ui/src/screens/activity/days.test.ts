import { expect, test } from "vitest";
import { folded } from "./days";

const row = (at: string, sentence: string, outcome = "ok") => ({ at, sentence, outcome });

test("days newest first, and what is said again in a row is said once with its number", () => {
  const days = folded([
    row("2026-03-09T11:00:00", "ann verified shop"),
    row("2026-03-09T10:59:00", "ann verified shop"),
    row("2026-03-09T10:58:00", "ann verified shop", "failed"),
    row("2026-03-09T10:57:00", "ann verified shop"),
    row("2026-03-08T23:59:00", "ann verified shop"),
  ]);
  expect(days.map(({ day, told }) => [day, told.map(({ times }) => times)])).toEqual([
    ["2026-03-09", [2, 1, 1]],
    ["2026-03-08", [1]],
  ]);
  expect(days[0]?.told[0]?.last.at).toBe("2026-03-09T11:00:00");
});

test("nothing is nothing", () => expect(folded([])).toEqual([]));
