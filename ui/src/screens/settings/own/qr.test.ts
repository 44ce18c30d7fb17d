import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { path, qr } from "./qr";

const drawn = (text: string, mask?: number) =>
  qr(text, mask).map((line) => line.map((dark) => (dark ? "#" : ".")).join(""));

// What another encoder draws of the same text with the same mask.
const HF = `
#######.#..#..#######
#.....#.#..##.#.....#
#.###.#.....#.#.###.#
#.###.#.#.#.#.#.###.#
#.###.#..##...#.###.#
#.....#..##...#.....#
#######.#.#.#.#######
........##...........
#.##.###..#...#..#.##
#.#.##..#...#..#.##.#
.#.#..###...#########
#....#..#...##.....#.
#....##.#..#.#..#.#.#
........###..#.#..#..
#######.#.#..##.#.#..
#.....#.#.#####..#..#
#.###.#..#.#..#..#..#
#.###.#.###..#..#..#.
#.###.#.##.#.#..###..
#.....#...###.#.##..#
#######.##.##..#.#...`;

test("a short text is drawn to the module", () => {
  expect(drawn("hf", 3).join("\n")).toBe(HF.trim());
});

test.each([
  [14, 0, 21, "b4d5eb263de30f04"],
  [120, 2, 45, "d52806e9207b47db"],
  [213, 5, 57, "bd0c20c8d0f4f760"],
  [214, 6, 61, "71625c7078cb3f98"],
  [660, 7, 97, "1efb25fc7868aad3"],
])("%i bytes: the size, the blocks and the version's own words are the standard's", (length, mask, size, digest) => {
  const text = "otpauth://totp/".slice(0, length).padEnd(length, "x");
  const lines = drawn(text, mask);
  expect(lines.length).toBe(size);
  expect(createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 16)).toBe(digest);
});

test("without a mask it chooses one of the eight", () => {
  const all = Array.from({ length: 8 }, (_, mask) => drawn("otpauth://totp/x", mask).join());
  expect(all).toContain(drawn("otpauth://totp/x").join());
});

test("too long a text is said, not cut", () => {
  expect(() => qr("x".repeat(700))).toThrow("too long");
});

test("the path has a square for each dark module", () => {
  const bits = qr("hf");
  expect(path(bits).match(/M/g)?.length).toBe(bits.flat().filter(Boolean).length);
});
