import { expect, test } from "vitest";
import { rollout } from "./rollout";

const sum = (shares: { weight: number }[]) => shares.reduce((all, { weight }) => all + weight, 0);

test("a new version takes its part from the one that takes all", () => {
  expect(rollout([{ id: "a", weight: 100 }], "b", 10)).toEqual([
    { id: "a", weight: 90 },
    { id: "b", weight: 10 },
  ]);
});

test("those before share the rest as they did, and all of it is given", () => {
  const made = rollout(
    [
      { id: "a", weight: 67 },
      { id: "b", weight: 33 },
    ],
    "c",
    25,
  );
  expect(sum(made)).toBe(100);
  expect(made.at(-1)).toEqual({ id: "c", weight: 25 });
});

test("its own share of before is not counted twice", () => {
  const made = rollout(
    [
      { id: "a", weight: 90 },
      { id: "b", weight: 10 },
    ],
    "b",
    50,
  );
  expect(made).toEqual([
    { id: "a", weight: 50 },
    { id: "b", weight: 50 },
  ]);
});

test("all of it, or nothing beside it, is one version", () => {
  expect(rollout([{ id: "a", weight: 100 }], "b", 100)).toEqual([{ id: "b", weight: 100 }]);
  expect(rollout([], "b", 10)).toEqual([{ id: "b", weight: 100 }]);
});
