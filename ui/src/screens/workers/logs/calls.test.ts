import { expect, test } from "vitest";
import type { InvocationOut } from "@/api";
import { callsQuery, preceded } from "./calls";

test("the list and its tail are asked for the same", () => {
  expect(callsQuery({})).toEqual({});
  expect(callsQuery({ failed: ["yes"], outcome: ["ok"], trigger: ["rpc"], version: ["wver_1"] })).toEqual({
    errors: true,
    outcome: "ok",
    trigger: "rpc",
    version_id: "wver_1",
  });
});

test("what ended last is first", () => {
  const one = (id: string) => ({ id }) as InvocationOut;
  const before = [one("b"), one("a")];
  expect(preceded(before, [one("c"), one("d")]).map(({ id }) => id)).toEqual(["d", "c", "b", "a"]);
  expect(preceded(before, [])).toBe(before);
});
