import { expect, test } from "vitest";
import { AMOUNTS, meant, typed } from "./amounts";

const of = (key: string) => AMOUNTS.find((each) => each.key === key) as (typeof AMOUNTS)[number];

test("bytes are typed in MB and sent in bytes", () => {
  expect(typed(of("memory_bytes"), 256 * 1024 * 1024)).toBe("256");
  expect(meant(of("memory_bytes"), "64")).toBe(64 * 1024 * 1024);
});

test("nothing typed is no limit, not zero", () => {
  expect([typed(of("cpu_ms"), null), meant(of("cpu_ms"), " ")]).toEqual(["", null]);
  expect(meant(of("log_lines"), "0")).toBe(0);
});
