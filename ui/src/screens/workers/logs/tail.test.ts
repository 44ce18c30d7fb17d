import { expect, test } from "vitest";
import { appended, asText, MOST_LINES } from "./tail";

const line = (seq: number) => ({ seq, at: seq, version_id: "v", level: "info", text: `line ${seq}`, invocation: null });

test("lines come once and in the order of writing", () => {
  const first = appended([], [line(3), line(1), line(2)]);
  expect(first.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  const second = appended(first, [line(2), line(3), line(5)]);
  expect(second.map(({ seq }) => seq)).toEqual([1, 2, 3, 5]);
});

test("nothing new draws nothing again", () => {
  const lines = appended([], [line(1)]);
  expect(appended(lines, [line(1)])).toBe(lines);
});

test("the oldest go", () => {
  const lines = appended(
    [],
    Array.from({ length: MOST_LINES + 10 }, (_, seq) => line(seq)),
  );
  expect([lines.length, lines[0]?.seq]).toEqual([MOST_LINES, 10]);
});

test("a file has the moment and the level of each line", () => {
  expect(asText([line(0)])).toBe("1970-01-01T00:00:00.000Z info line 0");
});
