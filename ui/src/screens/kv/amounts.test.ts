import { expect, test } from "vitest";
import { changes, typed } from "./amounts";

test("only what was changed is sent, and what is emptied is taken away", () => {
  const before = { max_keys: 1000, max_bytes: 1000 };
  expect(changes(before, typed(before))).toEqual({});
  expect(changes(before, { ...typed(before), keys: "" })).toEqual({ max_keys: null });
  expect(changes(before, { ...typed(before), size: "1.5" })).toEqual({ max_bytes: 1_572_864 });
  expect(changes({ max_keys: null, max_bytes: null }, { keys: "0", size: "" })).toEqual({ max_keys: 0 });
});
