import { expect, test } from "vitest";
import { labelOf, relabelled, written } from "./labels";

test("a label is typed with or without a value, and goes back as it came", () => {
  expect(labelOf(" tier = gold ")).toEqual(["tier", "gold"]);
  expect(labelOf("q=a=b")).toEqual(["q", "a=b"]);
  expect(labelOf("scratch")).toEqual(["scratch", ""]);
  expect(labelOf(" =x")).toBeNull();
  expect(written(["tier", "gold"])).toBe("tier=gold");
  expect(written(["scratch", ""])).toBe("scratch");
});

test("labels are added over the old ones and taken off by key", () => {
  expect(relabelled({ a: "1", b: "2" }, [["a", "3"]], ["b"])).toEqual({ a: "3" });
});
