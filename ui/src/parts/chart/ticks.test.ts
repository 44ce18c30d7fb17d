import { expect, test } from "vitest";
import { bytes } from "../text";
import { byteTicks, standsAlone } from "./ticks";

const said = (most: number) => byteTicks([{ a: 1, b: most }, { a: null }], ["a", "b"]).map((each) => bytes(each));

test("marks are round in bytes and reach over the highest value", () => {
  expect(said(70_144)).toEqual(["0 B", "32 KB", "64 KB", "96 KB"]);
  expect(said(7.4 * 1024 ** 2)).toEqual(["0 B", "2 MB", "4 MB", "6 MB", "8 MB"]);
  expect(said(1)).toEqual(["0 B", "1 B"]);
  expect(byteTicks([], ["a"])).toEqual([0, 1]);
});

test("a value stands alone between places without one", () => {
  const points = [{ a: 1 }, { a: null }, { a: 0 }, {}, { a: 2 }, { a: 3 }].map((each) => ({ a: null, ...each }));
  expect(points.map((_, at) => standsAlone(points, "a", at))).toEqual([true, false, true, false, false, false]);
});
