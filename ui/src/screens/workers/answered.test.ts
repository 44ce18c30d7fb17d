import { expect, test } from "vitest";
import { classes, endings } from "./answered";

test("classes that nothing answered with are left out", () => {
  expect(classes({ "5xx": 1, "2xx": 9, "4xx": 0 }).map(({ name, count }) => [name, count])).toEqual([
    ["2xx", 9],
    ["5xx", 1],
  ]);
  expect(classes({})).toEqual([]);
});

test("the most frequent bad ending comes first", () => {
  expect(endings({ ok: 90, timeout: 1, exception: 3, cancelled: 0 })).toEqual([
    ["exception", 3],
    ["timeout", 1],
  ]);
});
