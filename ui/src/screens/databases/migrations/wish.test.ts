import { expect, test } from "vitest";
import type { StandingOut } from "@/api";
import { choices, withoutEmpty } from "./wish";

const standing = (number: number, state: string) => ({ number, state, name: `m${number}` }) as StandingOut;
const all = [standing(1, "applied"), standing(2, "applied"), standing(3, "pending"), standing(4, "partial")];

test("forward one stops at what is pending, back at what is applied below the last", () => {
  expect(choices("apply", all).map(({ number }) => number)).toEqual([3, 4]);
  expect(choices("rollback", all).map(({ number }) => number)).toEqual([1]);
});

test("a way back says steps or a number, one of the two", () => {
  expect(withoutEmpty("rollback", { to: "" }, true)).toMatchObject({ to: null, steps: 1, confirm: "" });
  expect(withoutEmpty("rollback", { to: "0", confirm: "shop" }, true)).toMatchObject({ to: 0, steps: null });
  expect(withoutEmpty("apply", { to: "3", confirm: "typed" }, false)).toMatchObject({
    to: 3,
    steps: null,
    confirm: null,
  });
});
