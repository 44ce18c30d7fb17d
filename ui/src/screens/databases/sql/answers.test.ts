import { expect, test } from "vitest";
import { explainPrefix, planOf } from "./explain";
import { placeOf } from "./marks";
import { readTyped } from "./ParameterDialog";
import { linesOf } from "./stream";

const marked = (sql: string, message: string, details = {}) => sql.slice(...placeOf(sql, { message, details }));

test("the mark is at the server's position, counted in characters", () => {
  expect(marked("select '\u{1F600}', nope from t", "column does not exist", { position: "13" })).toBe("nope");
  expect(marked("select", "syntax error at end of input", { position: "7" })).toBe("t");
});

test("without a position it is at the word that the error names", () => {
  expect(marked("selec 1", 'near "selec": syntax error')).toBe("selec");
  expect(marked("select a.b from c", "no such column: a.b")).toBe("b");
  expect(marked("select 1 from missing", "no such table: missing")).toBe("missing");
  expect(marked("select 1", "something else")).toBe("select 1");
});

test("plans become trees, by the answer's shape", () => {
  const columns = ["id", "parent", "notused", "detail"].map((name) => ({ name, type: null }));
  const [root] = planOf({
    columns,
    rows: [
      [2, 0, 0, "CO-ROUTINE x"],
      [5, 2, 0, "SCAN t"],
    ],
  });
  expect([root?.title, root?.steps[0]?.title]).toEqual(["CO-ROUTINE x", "SCAN t"]);
  const lines = [
    "Hash Join  (cost=1.00..100.00 rows=10 width=8)",
    "  Hash Cond: (a.id = b.id)",
    "  ->  Seq Scan on a  (cost=0.00..60.00 rows=10 width=4)",
    "  ->  Hash  (cost=20.00..20.00 rows=5 width=4)",
    "        ->  Seq Scan on b  (cost=0.00..20.00 rows=5 width=4)",
  ];
  const [join] = planOf({ columns: [{ name: "QUERY PLAN", type: "text" }], rows: lines.map((line) => [line]) });
  expect(join).toMatchObject({
    title: "Hash Join",
    facts: ["Hash Cond: (a.id = b.id)"],
    cost: 100,
    rows: 10,
    share: 0.2,
  });
  expect(join?.steps.map(({ title }) => title)).toEqual(["Seq Scan on a", "Hash"]);
  expect(join?.steps[1]?.steps[0]).toMatchObject({ title: "Seq Scan on b", share: 0.2 });
});

test("how a plan is asked for is the engine's own template", () => {
  expect(
    explainPrefix([
      ["Rows", "SELECT 1"],
      ["Query plan", "EXPLAIN QUERY PLAN SELECT * FROM t"],
    ]),
  ).toBe("EXPLAIN QUERY PLAN ");
  expect(explainPrefix([["Info", "INFO"]])).toBe(null);
});

test("parameters: numbers stay exact, quotes make text, nothing is NULL", () => {
  expect(["", "5", "-1.5", "007", "'5'", "'o''x'", "9007199254740993", "x"].map(readTyped)).toEqual([
    null,
    5,
    -1.5,
    "007",
    "5",
    "o'x",
    "9007199254740993",
    "x",
  ]);
});

test("lines are whole, wherever the network cut them", async () => {
  const bytes = new TextEncoder().encode('{"a":"ü"}\n{"b":1}\n{"c":2}');
  const body = new ReadableStream<Uint8Array>({
    start(to) {
      for (const byte of bytes) to.enqueue(new Uint8Array([byte]));
      to.close();
    },
  });
  const lines: string[] = [];
  for await (const line of linesOf(body)) lines.push(line);
  expect(lines).toEqual(['{"a":"ü"}', '{"b":1}', '{"c":2}']);
});
