import { expect, test } from "vitest";
import { readAs } from "../sql/CellSheet";
import { type Edits, edited, filterOf, fromAddress, linkOf, nextSort, toAddress, valuesOf, without } from "./edits";

test("a value put back is no change; a row without changes is none", () => {
  let edits: Edits = new Map();
  edits = edited(edits, "k", "a", 2, 1);
  edits = edited(edits, "k", "b", null, "x");
  expect(edits.get("k")).toEqual({ a: 2, b: null });
  edits = edited(edits, "k", "b", "x", "x");
  edits = edited(edits, "k", "a", 1, 1);
  expect(edits.size).toBe(0);
  expect(without(edited(edits, "k", "a", 2, 1), ["k"]).size).toBe(0);
});

test("filters come back from the address as they went, and rubbish is none", () => {
  const where = [{ column: 'a",b', op: "ge" as const, value: "1" }];
  expect(fromAddress(toAddress(where))).toEqual(where);
  expect(toAddress([])).toBeUndefined();
  for (const odd of [undefined, "", "{", "{}", '["a"]', '[["a","drop","1"]]']) expect(fromAddress(odd)).toEqual([]);
});

test("numbers are asked for as numbers only where they stay exact", () => {
  expect(filterOf({ column: "a", op: "eq", value: "5" }, "integer").value).toBe(5);
  expect(filterOf({ column: "a", op: "eq", value: "9007199254740993" }, "bigint").value).toBe("9007199254740993");
  expect(filterOf({ column: "a", op: "eq", value: "5" }, "text").value).toBe("5");
  expect(filterOf({ column: "a", op: "null", value: "" }, "text").value).toBe(true);
});

test("a head is clicked: up, down, as it was", () => {
  expect(nextSort([], "a")).toEqual(["a"]);
  expect(nextSort(["a"], "a")).toEqual(["-a"]);
  expect(nextSort(["-a"], "a")).toEqual([]);
});

test("what is typed keeps its kind", () => {
  expect(readAs(1, "2")).toBe(2);
  expect(readAs("1", "2")).toBe("2");
  expect(readAs(true, "FALSE")).toBe(false);
  expect(readAs({ a: 1 }, '{"a":2}')).toEqual({ a: 2 });
  expect(() => readAs({ a: 1 }, "{")).toThrow();
});

test("a new row leaves to the defaults what is left empty, and keeps text text", () => {
  const columns = [
    { name: "id", type: "integer" },
    { name: "zip", type: "text" },
    { name: "ok", type: "boolean" },
    { name: "note", type: "text" },
  ];
  expect(valuesOf({ id: "7", zip: "012", ok: "true", note: "" }, columns)).toEqual({ id: 7, zip: "012", ok: true });
  expect(valuesOf({ note: "NULL" }, columns)).toEqual({ note: null });
});

test("a foreign key says where it points, whatever the names", () => {
  const of = (definition: string, kind = "foreign key") => linkOf({ kind, columns: ["a"], definition });
  expect(of("FOREIGN KEY (a) REFERENCES people(id) ON DELETE CASCADE")).toMatchObject({
    schema: null,
    table: "people",
    referenced: ["id"],
  });
  expect(of('FOREIGN KEY (a) REFERENCES "my shop"."or""ders"("the id")')).toMatchObject({
    schema: "my shop",
    table: 'or"ders',
    referenced: ["the id"],
  });
  expect(of("FOREIGN KEY (a) REFERENCES people")).toMatchObject({ table: "people", referenced: [] });
  expect(of("CHECK (a > 1)", "check")).toBe(null);
});
