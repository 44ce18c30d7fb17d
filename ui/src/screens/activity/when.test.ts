import { expect, test } from "vitest";
import { exportUrl, sinceOf } from "./when";

test("a span begins that long ago, and a word that is none narrows nothing", () => {
  const now = Date.parse("2026-03-09T12:00:00Z");
  expect(sinceOf("1h", now)).toBe("2026-03-09T11:00:00.000Z");
  expect(sinceOf("7d", now)).toBe("2026-03-02T12:00:00.000Z");
  expect(sinceOf("next week", now)).toBeUndefined();
  expect(sinceOf(undefined, now)).toBeUndefined();
});

test("an export asks for what the list shows", () => {
  expect(exportUrl("/x", { format: "csv", state: ["failed", "cancelled"], by: undefined, q: "" })).toBe(
    "/x?format=csv&state=failed&state=cancelled",
  );
  expect(exportUrl("/x", { text: "a&b c" })).toBe("/x?text=a%26b+c");
  expect(exportUrl("/x", {})).toBe("/x");
});
