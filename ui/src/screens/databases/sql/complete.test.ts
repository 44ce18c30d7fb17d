import { expect, test } from "vitest";
import { type Known, proposals, quoted } from "./complete";

const table = (name: string, columns: string[], schema = "public") => ({
  schema,
  name,
  kind: "table",
  columns: columns.map((each) => ({ name: each, type: "text" })),
});
const KNOWN: Known = {
  tables: [
    table("orders", ["id", "customer_id", "Total Price"]),
    table("customers", ["id", "email"]),
    table("events", ["at"], "audit"),
  ],
  schemas: ["public", "audit"],
};

/** `|` is the caret. */
function at(text: string, kind?: string): string[] {
  const caret = text.indexOf("|");
  const found = proposals(text.replace("|", ""), caret, KNOWN);
  return found.filter((each) => !kind || each.kind === kind).map(({ label }) => label);
}

test("an alias stands for its table, before and after it is named", () => {
  expect(at("select o.| from orders o join customers as c on c.id = o.customer_id")).toEqual([
    "id",
    "customer_id",
    "Total Price",
  ]);
  expect(at("select * from orders o join customers as c on c.|")).toEqual(["id", "email"]);
  expect(at('select "O".em| from customers "O"')).toEqual(["id", "email"]);
});

test("an alias hides the table of the same name", () => {
  expect(at("select customers.| from orders customers")).toEqual(["id", "customer_id", "Total Price"]);
});

test("lists of tables, updates, inserts, subqueries and WITH", () => {
  expect(at("select c.| from orders o, customers c")).toEqual(["id", "email"]);
  expect(at("update customers c set em| = 1", "column")).toEqual(["id", "email"]);
  expect(at("insert into customers (|", "column")).toEqual(["id", "email"]);
  expect(at("select x.| from (select id, email as mail from customers) x")).toEqual(["id", "mail"]);
  expect(at("with big as (select id, total * 2 as twice from orders) select b.| from big b")).toEqual(["id", "twice"]);
  expect(at("with big(a, b) as (select 1, 2) select | from big", "column")).toEqual(["a", "b"]);
});

test("after FROM come tables, of other schemas with their schema", () => {
  expect(at("select * from |", "table")).toEqual(["orders", "customers", "audit.events"]);
  expect(at("select * from orders, |", "table")).toContain("customers");
  expect(at("select id, | from orders", "column")).toEqual(["id", "customer_id", "Total Price"]);
  expect(at("select * from audit.|")).toEqual(["events"]);
});

test("nothing is proposed inside text and comments", () => {
  expect(at("select 'from |' from orders")).toEqual([]);
  expect(at("select 1 -- from |")).toEqual([]);
});

test("names that need quotes get them", () => {
  expect(["id", "Total Price", 'a"b', "order", "Größe", "1st"].map(quoted)).toEqual([
    "id",
    '"Total Price"',
    '"a""b"',
    '"order"',
    '"Größe"',
    '"1st"',
  ]);
});

test("no text, however broken, makes it throw", () => {
  const whole = "with a as (select * from (select 1) b) select a.x, (select from orders o where o. from , customers c";
  for (let end = 0; end <= whole.length; end++) proposals(whole.slice(0, end), end, KNOWN);
});
