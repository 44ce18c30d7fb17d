import type { Rows } from "./copy";
import { textOf } from "./values";

/** One step of a plan. `share` is its cost among the whole, where the engine says costs. */
export interface Step {
  title: string;
  facts: string[];
  cost: number | null;
  rows: number | null;
  share: number | null;
  /** What it took and gave, where the statement was run: milliseconds of all its turns, rows of all of them. */
  ms: number | null;
  actual: number | null;
  steps: Step[];
}

/** Ready statements of the engine: title and text. */
export function templatesOf(given: unknown): [string, string][] {
  const list = Array.isArray(given) ? (given as unknown[]) : [];
  return list.flatMap((each) => (Array.isArray(each) ? [[String(each[0] ?? ""), String(each[1] ?? "")]] : []));
}

function prefixes(templates: unknown): string[] {
  return templatesOf(templates).flatMap(([, statement]) => {
    const found = /^\s*(explain\b[\s\S]*?)\bselect\b/i.exec(statement)?.[1];
    return found ? [`${found.trim()} `] : [];
  });
}

const runs = (prefix: string) => /\banalyze\b/i.test(prefix);

/** `EXPLAIN QUERY PLAN ` out of the engine's own template; null where it has none. */
export function explainPrefix(templates: unknown): string | null {
  return prefixes(templates).find((each) => !runs(each)) ?? null;
}

/** What runs the statement and says how long each step took; null where the engine has no such thing. */
export function analyzePrefix(templates: unknown): string | null {
  return prefixes(templates).find(runs) ?? null;
}

/** Whether running it may change something. Told by its words, so that what is not known counts as a change. */
export function mayWrite(statement: string): boolean {
  const bare = statement
    .replace(/--.*$/gm, " ")
    .replace(/\/\*[\s\S]*?\*\//g, " ")
    .replace(/'(?:[^']|'')*'/g, "''");
  const first = /[a-z]+/i.exec(bare)?.[0]?.toLowerCase() ?? "";
  if (!["select", "with", "values", "table"].includes(first)) return true;
  return /\b(insert|update|delete|merge|into)\b/i.test(bare);
}

const step = (title: string): Step => ({
  title,
  facts: [],
  cost: null,
  rows: null,
  share: null,
  ms: null,
  actual: null,
  steps: [],
});

/** Rows of (id, parent, ..., detail). */
function byParent({ columns, rows }: Rows): Step[] {
  const place = (name: string) => columns.findIndex((column) => column.name.toLowerCase() === name);
  const [id, parent, detail] = [place("id"), place("parent"), place("detail")];
  const known = new Map<unknown, Step>();
  const roots: Step[] = [];
  for (const row of rows) {
    const made = step(textOf(row[detail]));
    (known.get(row[parent])?.steps ?? roots).push(made);
    known.set(row[id], made);
  }
  return roots;
}

const ACTUAL = /\s*\(actual time=[\d.]+\.\.([\d.]+) rows=([\d.]+) loops=(\d+)\)/;
const NEVER = /\s*\(never executed\)/;
/** Lines about the whole, below the steps. */
const WHOLE = /^(Planning|Execution|Trigger|JIT)\b/;
const COST = /\s*\(cost=[\d.]+\.\.([\d.]+) rows=(\d+)[^)]*\)/;

/** Lines whose indentation is their depth; `->` begins a step, other lines say something about the step above. */
function byIndent(lines: readonly string[]): Step[] {
  const roots: Step[] = [];
  const open: { depth: number; step: Step }[] = [];
  for (const line of lines) {
    const arrow = /^(\s*)->\s+(.*)$/.exec(line);
    const depth = arrow ? (arrow[1]?.length ?? 0) + 1 : 0;
    const text = arrow ? (arrow[2] ?? "") : line.trim();
    const top = open.at(-1);
    if (!arrow && top && (/^\s/.test(line) || WHOLE.test(line))) {
      if (WHOLE.test(line)) open.length = 1;
      open.at(-1)?.step.facts.push(text);
      continue;
    }
    if (text === "") continue;
    const made = step(text.replace(COST, "").replace(ACTUAL, "").replace(NEVER, ""));
    const cost = COST.exec(text);
    const actual = ACTUAL.exec(text);
    const [, ms, rows, loops] = actual ?? [];
    if (actual) [made.ms, made.actual] = [Number(ms) * Number(loops), Math.round(Number(rows) * Number(loops))];
    else if (NEVER.test(text)) [made.ms, made.actual] = [0, 0];
    if (cost) [made.cost, made.rows] = [Number(cost[1]), Number(cost[2])];
    while (open.length > 0 && (open.at(-1)?.depth ?? 0) >= depth) open.pop();
    (open.at(-1)?.step.steps ?? roots).push(made);
    open.push({ depth, step: made });
  }
  return roots;
}

/** Its own part of the whole: by time where that is known, by cost else. */
function shared(steps: readonly Step[], whole: number, of: "ms" | "cost"): void {
  for (const each of steps) {
    const own = each[of];
    if (own !== null && whole > 0) {
      const below = each.steps.reduce((sum, step) => sum + (step[of] ?? 0), 0);
      each.share = Math.min(1, Math.max(0, own - below) / whole);
    }
    shared(each.steps, whole, of);
  }
}

/** The tree in an answer to EXPLAIN, told by the answer's shape alone. */
export function planOf(result: Rows): Step[] {
  const names = result.columns.map(({ name }) => name.toLowerCase());
  const isTree = ["id", "parent", "detail"].every((name) => names.includes(name));
  const steps = isTree ? byParent(result) : byIndent(result.rows.flatMap((row) => textOf(row[0]).split("\n")));
  const of = steps.some(({ ms }) => ms !== null) ? "ms" : "cost";
  const whole = steps.reduce((sum, each) => sum + (each[of] ?? 0), 0);
  shared(steps, whole, of);
  return steps;
}
