import { expect, test } from "vitest";
import { statementOf } from "./columns";

test("a column is emptied, fixed, or left with its first letter", () => {
  const rule = { table: "sales.customers", column: "email", text: "x" };
  expect(statementOf({ ...rule, way: "empty" })).toBe('UPDATE "sales"."customers" SET "email" = NULL');
  expect(statementOf({ ...rule, way: "fixed" })).toBe(
    `UPDATE "sales"."customers" SET "email" = 'x' WHERE "email" IS NOT NULL`,
  );
  expect(statementOf({ ...rule, way: "initial" })).toContain(`substr("email", 1, 1) || '***'`);
});

test("no name and no text ends its own quotes", () => {
  const said = statementOf({ table: 'a" --', column: 'b"', way: "fixed", text: "it's" });
  expect(said).toBe(`UPDATE "a"" --" SET "b""" = 'it''s' WHERE "b""" IS NOT NULL`);
});
