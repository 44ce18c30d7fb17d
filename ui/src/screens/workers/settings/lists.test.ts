import { expect, test } from "vitest";
import { entries, lines, meantValue, shownValue } from "./lists";

test("one a line or parted by commas, each once", () => {
  expect(entries("api.example.org, *.example.org\n\napi.example.org \n")).toEqual(["api.example.org", "*.example.org"]);
  expect(entries(lines(["a", "b"]))).toEqual(["a", "b"]);
});

test("a value is JSON where it reads as JSON", () => {
  expect([meantValue("30"), meantValue("true"), meantValue('{"a":1}'), meantValue("hello"), meantValue("")]).toEqual([
    30,
    true,
    { a: 1 },
    "hello",
    "",
  ]);
});

test.each(["hello", "30", "", '"quoted"', 30, null, { a: [1] }])("%j is written so that it is read back", (value) => {
  expect(meantValue(shownValue(value))).toEqual(value);
});
