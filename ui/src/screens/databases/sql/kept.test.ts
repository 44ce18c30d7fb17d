import { expect, test } from "vitest";
import { changed, closed, type Drafts, found, Kept, MOST_RUNS, opened, type Run, withRun } from "./kept";

const run = (statement: string): Run => ({ at: "2026-01-01T00:00:00Z", statement, ok: true, rows: 1, ms: 1 });
const NONE: Drafts = { open: [], at: "" };

test("history is newest first, each statement once, and bounded", () => {
  let history: Run[] = [];
  for (let nth = 0; nth < MOST_RUNS + 5; nth++) history = withRun(history, run(`select ${nth}`));
  history = withRun(history, run("select 100"));
  expect(history).toHaveLength(MOST_RUNS);
  expect(history[0]?.statement).toBe("select 100");
  expect(history.filter(({ statement }) => statement === "select 100")).toHaveLength(1);
  expect(found(history, "SELECT 20").map(({ statement }) => statement)).toContain("select 204");
  expect(withRun([], run("x".repeat(200_000)))).toEqual([]);
});

test("tabs get free names, close to their neighbour and never all go", () => {
  let drafts = opened(opened(NONE, "Query"), "Query");
  expect(drafts.open.map(({ title }) => title)).toEqual(["Query 1", "Query 2"]);
  drafts = changed(drafts, drafts.at, { text: "select 1" });
  drafts = closed(drafts, drafts.open[0]?.id ?? "", "Query");
  expect(drafts.open.map(({ text }) => text)).toEqual(["select 1"]);
  drafts = closed(drafts, drafts.at, "Query");
  expect(drafts.open.map(({ title, text }) => [title, text])).toEqual([["Query 1", ""]]);
});

test("a saved query that is open is shown, not opened again", () => {
  const saved = { id: "q1", version: 1 };
  const once = opened(NONE, "Query", { saved, title: "a" });
  expect(opened(opened(once, "Query"), "Query", { saved }).at).toBe(once.at);
});

test("what was typed is there after a reload; what the storage holds need not be sound", () => {
  localStorage.clear();
  const before = new Kept("db", "Query");
  before.change(before.here.id, { text: "select 'kept'" });
  before.ran(run("select 1"));
  before.flush();
  const after = new Kept("db", "Query");
  expect(after.here.text).toBe("select 'kept'");
  expect(after.history.get()).toHaveLength(1);
  expect(new Kept("other", "Query").here.text).toBe("");
  localStorage.setItem("holdfast.sql.db.tabs", "[1");
  expect(new Kept("db", "Query").here.text).toBe("");
});
