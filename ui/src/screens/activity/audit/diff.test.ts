import { expect, test } from "vitest";
import { changesOf, restOf } from "./diff";

test("only what differs, and nested things by their fields", () => {
  const before = { name: "shop", labels: { team: "a", tier: "1" }, notes: "", hold: null };
  const after = { name: "store", labels: { team: "b", tier: "1" }, notes: "", hold: true };
  expect(changesOf({ before, after, run_id: "run_1" })).toEqual([
    { name: "hold", before: null, after: "true" },
    { name: "labels.team", before: "a", after: "b" },
    { name: "name", before: "shop", after: "store" },
  ]);
});

test("the order of an object's keys is no change, the order of a list is", () => {
  expect(changesOf({ before: { a: [{ x: 1, y: 2 }] }, after: { a: [{ y: 2, x: 1 }] } })).toEqual([]);
  expect(changesOf({ before: { a: [1, 2] }, after: { a: [2, 1] } })).toEqual([
    { name: "a", before: "[ 1, 2 ]", after: "[ 2, 1 ]" },
  ]);
});

test("what was made has no before, what was removed no after", () => {
  expect(changesOf({ after: { name: "x" } })).toEqual([{ name: "name", before: null, after: "x" }]);
  expect(changesOf({ before: { name: "x" } })).toEqual([{ name: "name", before: "x", after: null }]);
  expect(changesOf({ name: "x" })).toEqual([]);
});

test("the rest is said beside it; a before that is mere text belongs to the rest", () => {
  expect(restOf({ before: { a: 1 }, after: { a: 2 }, run_id: "run_1", none: null })).toEqual([["run_id", "run_1"]]);
  expect(restOf({ before: "2026" })).toEqual([["before", "2026"]]);
});
