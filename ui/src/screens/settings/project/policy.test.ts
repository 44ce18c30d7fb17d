import { expect, test } from "vitest";
import { bodyOf, draftOf, type Policy, rulesOf } from "./policy";

const POLICY: Policy = {
  last: null,
  within: 3,
  hourly: 0,
  daily: 7,
  weekly: 4,
  monthly: 12,
  yearly: null,
  minimum: 3,
  tags: ["release", "audit"],
};

test("a policy goes through its form unchanged", () => {
  expect(bodyOf(draftOf(POLICY))).toEqual(POLICY);
});

test("an emptied field switches its rule off instead of leaving the server's default on", () => {
  const draft = draftOf(POLICY);
  expect(bodyOf({ ...draft, rules: { ...draft.rules, daily: " " } }).daily).toBeNull();
});

test("rules of nothing keep nothing", () => {
  expect(rulesOf(POLICY)).toEqual([
    ["within", 3],
    ["daily", 7],
    ["weekly", 4],
    ["monthly", 12],
  ]);
});
