import { expect, test } from "vitest";
import { compared } from "./compare";

const table = (name: string, rows: number, digest: string | null, columns: Record<string, string> = { a: "int" }) => ({
  schema: "public",
  name,
  kind: "table",
  rows,
  digest,
  columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
});

test("what differs comes first, and how", () => {
  const before = [
    table("same", 1, "x"),
    table("gone", 5, "x"),
    table("grown", 1, "x"),
    table("edited", 2, "x"),
    table("shaped", 1, "x", { a: "int", b: "text", c: "int" }),
  ];
  const after = [
    table("same", 1, "x"),
    table("new", 3, "x"),
    table("grown", 4, "y"),
    table("edited", 2, "y"),
    table("shaped", 1, "x", { a: "bigint", c: "int", d: "int" }),
  ];
  expect(compared(before, after).map(({ label, change }) => [label, change])).toEqual([
    ["public.gone", "removed"],
    ["public.new", "added"],
    ["public.shaped", "columns"],
    ["public.grown", "rows"],
    ["public.edited", "content"],
    ["public.same", "same"],
  ]);
  expect(compared(before, after).find(({ change }) => change === "columns")?.columns).toEqual(["-b", "+d", "~a"]);
});

test("without digests equal counts say nothing of the content", () => {
  expect(compared([table("t", 1, null)], [table("t", 1, "x")])[0]?.change).toBe("unknown");
});

test("a table without a schema is itself", () => {
  const plain = { ...table("t", 1, "x"), schema: "" };
  expect(compared([plain], [plain])).toEqual([{ label: "t", change: "same", before: 1, after: 1, columns: [] }]);
});
