import { expect, test } from "vitest";
import { analyzePrefix, explainPrefix, mayWrite, planOf } from "./explain";
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

test("a measured plan says times and rows as they were; what never ran took nothing", () => {
  const lines = [
    "Nested Loop  (cost=0.00..9.00 rows=1 width=8) (actual time=0.010..4.000 rows=50.00 loops=1)",
    "  ->  Seq Scan on a  (cost=0.00..4.00 rows=50 width=4) (actual time=0.004..1.000 rows=50 loops=1)",
    "  ->  Index Scan on b  (cost=0.00..1.00 rows=1 width=4) (actual time=0.010..0.020 rows=1 loops=50)",
    "        Index Cond: (id = a.id)",
    "  ->  Seq Scan on c  (cost=0.00..1.00 rows=1 width=4) (never executed)",
    "Planning:",
    "  Buffers: shared hit=4",
    "Planning Time: 0.100 ms",
    "Execution Time: 4.100 ms",
  ];
  const roots = planOf({ columns: [{ name: "QUERY PLAN", type: "text" }], rows: lines.map((line) => [line]) });
  expect(roots).toHaveLength(1);
  expect(roots[0]).toMatchObject({ title: "Nested Loop", ms: 4, actual: 50, rows: 1, share: 0.5 });
  expect(roots[0]?.facts).toContain("Execution Time: 4.100 ms");
  expect(roots[0]?.facts).toContain("Buffers: shared hit=4");
  expect(roots[0]?.steps[1]).toMatchObject({ ms: 1, actual: 50, facts: ["Index Cond: (id = a.id)"] });
  expect(roots[0]?.steps[2]).toMatchObject({ title: "Seq Scan on c", ms: 0, actual: 0 });
});

test("what runs the statement is told from what only plans it, and changes are told from reading", () => {
  const templates = [
    ["Plan", "EXPLAIN SELECT 1"],
    ["Times", "EXPLAIN (ANALYZE) SELECT 1"],
  ];
  expect([explainPrefix(templates), analyzePrefix(templates)]).toEqual(["EXPLAIN ", "EXPLAIN (ANALYZE) "]);
  expect(analyzePrefix([["Plan", "EXPLAIN QUERY PLAN SELECT 1"]])).toBe(null);
  expect(
    ["select 'delete from t'", "-- update\nselect 1", "with a as (select 1) select * from a"].map(mayWrite),
  ).toEqual([false, false, false]);
  expect(
    ["delete from t", "with a as (delete from t returning 1) select 1", "select 1 into x", "call p()"].map(mayWrite),
  ).toEqual([true, true, true, true]);
});
