import { describe, expect, test } from "vitest";
import { backOf, bytesOfHex, elementsOf, hexLines, leftOf, momentIn, putOf, removeOf, rowOf } from "./elements";
import { bytesIn, cellOf, globOf, inOrder, readable, treeOf, typedName } from "./names";

const BINARY = { $bytes: btoa("\x00\xffa") };

describe("names", () => {
  test("what cannot be seen is written out, and what differs looks different", () => {
    expect(readable("a b")).toBe("a b");
    expect(readable("a\u0000b\n")).toBe("a\\x00b\\x0a");
    expect(readable("a\u202eb")).toBe("a\\u{202e}b");
    expect(readable(BINARY)).toBe("\\x00\\xffa");
    expect(readable("")).toBe('""');
  });

  test("typed escapes become bytes, and come back as they were shown", () => {
    expect(typedName("plain")).toBe("plain");
    expect(typedName("\\x00\\xffa")).toEqual(BINARY);
    expect(readable(typedName("\\x00\\xffa"))).toBe("\\x00\\xffa");
    expect(typedName("a\\\\x")).toBe("a\\x");
    expect(typedName("é\\x0a")).toBe("é\n");
  });

  test("bytes are text where they are UTF-8, and lose nothing where they are not", () => {
    expect(cellOf(Uint8Array.from([0xc3, 0xa9]))).toBe("é");
    expect(cellOf(bytesIn(BINARY))).toEqual(BINARY);
    expect(cellOf(Uint8Array.from([0xef, 0xbb, 0xbf, 0x61]))).toBe("\ufeffa");
  });

  test("a prefix of several keys is a folder, one of a single key is not", () => {
    const keys = ["user:1:name", "user:2:name", "user:2:mail", "alone:1", "plain", ":odd"].map((name) => ({ name }));
    const closed = treeOf(keys, new Set());
    expect(closed.map(({ label, count, key }) => [label, count, key !== null])).toEqual([
      ["user:", 3, false],
      ["alone:1", 1, true],
      ["plain", 1, true],
      [":odd", 1, true],
    ]);
    const open = treeOf(keys, new Set(["user:", "user:2:"]));
    expect(open.slice(0, 5).map(({ label, depth }) => [label, depth])).toEqual([
      ["user:", 0],
      ["1:name", 1],
      ["2:", 1],
      ["name", 2],
      ["mail", 2],
    ]);
  });

  test("each key is there once, in the order people count in", () => {
    const names = inOrder(["k10", "k9", BINARY, "k10"].map((name) => ({ name }))).map(({ name }) => name);
    expect(names.filter((name) => typeof name === "string")).toEqual(["k9", "k10"]);
    expect(names).toHaveLength(3);
  });

  test("plain words are looked for anywhere, globs as they are", () => {
    expect([globOf(""), globOf(" cart "), globOf("cart:*"), globOf("a\\*")]).toEqual(["*", "*cart*", "cart:*", "a\\*"]);
  });
});

describe("elements", () => {
  test("each type has its rows", () => {
    expect(rowOf("hash", ["f", "v"], 0)).toEqual(["f", "v"]);
    expect(rowOf("list", "v", 7)).toEqual([7, "v"]);
    expect(rowOf("zset", ["m", 1.5], 0)).toEqual(["m", 1.5]);
    expect(rowOf("stream", ["1-0", [["a", "b"]]], 0)).toEqual(["1-0", { $json: { a: "b" } }]);
    const twice = [
      ["a", "1"],
      ["a", "2"],
    ];
    expect(rowOf("stream", ["1-0", twice], 0)).toEqual(["1-0", twice]);
  });

  test("a change names what it changes, and what can be put back is", () => {
    expect(putOf([3, "old"], "new")).toEqual({ put: [[3, "new"]], remove: [] });
    expect(removeOf([["f", "v"], ["g"]])).toEqual({ put: [], remove: ["f", "g"] });
    expect(backOf("hash", [["f", "v"]])).toEqual({ put: [["f", "v"]], remove: [] });
    expect([backOf("list", ["v"]), backOf("stream", [])]).toEqual([null, null]);
  });

  test("what is typed becomes elements, or says what is wrong", () => {
    expect(elementsOf("list", "a\n\nb\n", [])).toEqual(["a", "", "b"]);
    expect(elementsOf("zset", "", [{ first: "m", second: "-1.5" }])).toEqual([["m", -1.5]]);
    expect(elementsOf("stream", "", [{ first: "f", second: "v" }])).toEqual([["*", [["f", "v"]]]]);
    expect(() => elementsOf("zset", "", [{ first: "m", second: "x" }])).toThrow("notNumber");
    expect(() => elementsOf("hash", "", [{ first: "", second: "" }])).toThrow("nothing");
    expect(elementsOf("string", "", [])).toEqual([""]);
  });
});

test("time left, hexadecimal there and back", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(momentIn(2, "min", now)).toBe("2026-01-01T00:02:00.000Z");
  expect(leftOf("2026-01-01T03:00:00Z", now)).toEqual({ count: 3, unit: "h" });
  expect(leftOf("2025-01-01T03:00:00Z", now)).toEqual({ count: 0, unit: "s" });
  expect(hexLines(Uint8Array.from([0, 65, 255]))).toEqual([`00000000  ${"00 41 ff".padEnd(47)}  .A.`]);
  expect(bytesOfHex("00 41\\xff")).toEqual(Uint8Array.from([0, 65, 255]));
  expect(bytesOfHex("0g")).toBe(null);
});
