import { expect, test } from "vitest";
import { batches, metadataOf, momentOf, shown, ttlOf, viewsOf } from "./values";

test("a value is shown as what it is", () => {
  expect(viewsOf({ value: '{"a":1}', encoded: false })).toEqual(["json", "text", "hex"]);
  expect(viewsOf({ value: "plain", encoded: false })).toEqual(["text", "hex"]);
  expect(viewsOf({ value: "/wA=", encoded: true })).toEqual(["hex"]);
  expect(shown({ value: "/wA=", encoded: true }, "hex")).toContain("ff 00");
  expect(shown({ value: "é", encoded: false }, "hex")).toContain("c3 a9");
});

test("a key lives for at least a minute, or as long as it is there", () => {
  expect([ttlOf(""), ttlOf("60")]).toEqual([null, 60]);
  for (const wrong of ["59", "1.5", "soon", "-60"]) expect(() => ttlOf(wrong)).toThrow("ttl");
  expect(momentOf(0)).toBe("1970-01-01T00:00:00.000Z");
});

test("metadata is JSON or nothing", () => {
  expect([metadataOf(" "), metadataOf('{"a":1}')]).toEqual([null, { a: 1 }]);
  expect(() => metadataOf("{")).toThrow("metadata");
});

test("many keys go in as many calls as one takes", () => {
  expect(batches([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(batches([])).toEqual([]);
});
