import { expect, test } from "vitest";
import { numbered } from "./lines";

test("lines have their numbers on both sides, also after a second hunk", () => {
  const made = numbered(["--- before", "+++ after", "@@ -1,2 +1,2 @@", " a", "-b", "+c", "@@ -9 +9,2 @@", " z", "+y"]);
  expect(made.map(({ kind, before, after }) => [kind, before, after])).toEqual([
    ["hunk", null, null],
    ["same", 1, 1],
    ["removed", 2, null],
    ["added", null, 2],
    ["hunk", null, null],
    ["same", 9, 9],
    ["added", null, 10],
  ]);
});

test("a removed line that itself begins with dashes is no name of a file", () => {
  const made = numbered(["--- before", "+++ after", "@@ -1 +0,0 @@", "--- -- a comment of SQL"]);
  expect(made.at(-1)).toMatchObject({ kind: "removed", text: "-- -- a comment of SQL" });
});
