import { expect, test } from "vitest";
import { checksOf } from "./checksOf";

test("checks that failed come first, then those nobody could judge", () => {
  const checks = [
    { name: "a", ok: true },
    { name: "b", ok: null, detail: "no digest" },
    { name: "c", ok: false },
  ];
  expect(checksOf(checks).map(({ name }) => name)).toEqual(["c", "b", "a"]);
  expect(checksOf(null)).toEqual([]);
});
