import { expect, test } from "vitest";
import type { UploadOut } from "@/api";
import { badRowsOf, bodyOf, type Plan, tableOf } from "./plan";

test("a file's name is its table's, and one that is there is that one", () => {
  expect(tableOf("Orders 2026.csv.gz", [])).toBe("orders_2026");
  expect(tableOf("2026.csv", [])).toBe("table_2026");
  expect(tableOf("---.csv", [])).toBe("table");
  expect(tableOf("orders.csv", ["public.orders", "other"])).toBe("public.orders");
  expect(tableOf("orders.csv", ["orders"])).toBe("orders");
});

test("a script names no table", () => {
  const plan: Plan = { table: "t", columns: { a: "" }, types: {}, conflict: "skip", errors: 3, file: {} };
  const upload = { id: "upl_1" } as UploadOut;
  expect(bodyOf(upload, plan, "t", true)).toEqual({ upload_id: "upl_1", file: {} });
  expect(bodyOf(upload, plan, "t", false)).toMatchObject({
    table: "t",
    on_conflict: "skip",
    errors: 3,
    columns: { a: "" },
  });
});

test("bad rows are read line by line, as many as wanted", () => {
  const text =
    '{"line":2,"column":"n","value":"x","reason":"not a number"}\n{"line":5,"column":null,"value":null,"reason":"r"}\n{"li';
  expect(badRowsOf(text, 10).map(({ line }) => line)).toEqual([2, 5]);
  expect(badRowsOf(text, 1)).toHaveLength(1);
});
