import { expect, test } from "vitest";
import { checksOf, legible } from "./checksOf";

test("checks that failed come first, then those nobody could judge", () => {
  const checks = [
    { name: "a", ok: true },
    { name: "b", ok: null, detail: "no digest" },
    { name: "c", ok: false },
  ];
  expect(checksOf(checks).map(({ name }) => name)).toEqual(["c", "b", "a"]);
  expect(checksOf(null)).toEqual([]);
});

test("what was found is legible: no brackets, no whole digests", () => {
  expect(legible("['baskets', 'orders']")).toBe("baskets, orders");
  expect(legible("['orders']")).toBe("orders");
  expect(legible("[]")).toBe("–");
  expect(legible("{}")).toBe("–");
  expect(legible("b4d193ca3441a37e5792c937767c7296")).toBe("b4d193ca3441…");
  expect(legible("180")).toBe("180");
  expect(legible("['it''s', 3]")).toBe("['it''s', 3]");
});
