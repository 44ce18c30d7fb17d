import { expect, test } from "vitest";
import { linesIn, measured, plainName, tellable } from "./measured";

test("a number has the unit its name says, and one that counts nothing stays as it is", () => {
  expect(measured("stored_bytes", 4096)).toBe("4 KB");
  expect(measured("bytes_total", 2048)).toBe("2 KB");
  expect(measured("rto_seconds", 90)).toBe("1 min 30 s");
  expect(measured("packs", 12345)).toBe("12,345");
  expect(measured("port", 15432)).toBe("15432");
  expect(measured("sha256", "ab12")).toBeNull();
  expect(measured("sound", true)).toBeNull();
  expect(measured("due_at", "2026-03-09T08:00:00Z")).toContain("2026");
});

test("a name without words is readable", () => {
  expect(plainName("index_removed")).toBe("Index removed");
  expect(plainName("peer_id")).toBe("Peer ID");
});

test("what says nothing is left out, nought and no are said", () => {
  expect(tellable({ a: null, b: [], c: {}, d: "", e: 0, f: false, g: ["x"] })).toEqual([
    ["e", 0],
    ["f", false],
    ["g", ["x"]],
  ]);
});

test("things within a thing are a line each, and what goes deeper is none", () => {
  expect(linesIn({ data: { bytes: 1 }, keys: { bytes: 2 } })).toEqual([
    ["data", { bytes: 1 }],
    ["keys", { bytes: 2 }],
  ]);
  expect(linesIn([{ a: 1 }, { a: null }])).toEqual([
    [null, { a: 1 }],
    [null, { a: null }],
  ]);
  expect(linesIn({ a: 1 })).toEqual([[null, { a: 1 }]]);
  expect(linesIn({ a: { b: { c: 1 } } })).toBeNull();
  expect(linesIn([1, { a: 1 }])).toBeNull();
});
