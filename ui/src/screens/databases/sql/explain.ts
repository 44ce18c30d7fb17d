import type { Rows } from "./copy";
import { textOf } from "./values";

/** One step of a plan. `share` is its cost among the whole, where the engine says costs. */
export interface Step {
  title: string;
  facts: string[];
  cost: number | null;
  rows: number | null;
  share: number | null;
  steps: Step[];
}

/** `EXPLAIN QUERY PLAN ` out of the engine's own template; null where it has none. */
export function explainPrefix(templates: unknown): string | null {
  const list = Array.isArray(templates) ? (templates as unknown[]) : [];
  for (const each of list) {
    const statement = Array.isArray(each) ? String(each[1] ?? "") : "";
    const found = /^\s*(explain\b[\s\S]*?)\bselect\b/i.exec(statement)?.[1];
    if (found) return `${found.trim()} `;
  }
  return null;
}

const step = (title: string): Step => ({ title, facts: [], cost: null, rows: null, share: null, steps: [] });

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
    if (!arrow && top && /^\s/.test(line)) {
      top.step.facts.push(text);
      continue;
    }
    if (text === "") continue;
    const made = step(text.replace(COST, ""));
    const cost = COST.exec(text);
    if (cost) [made.cost, made.rows] = [Number(cost[1]), Number(cost[2])];
    while (open.length > 0 && (open.at(-1)?.depth ?? 0) >= depth) open.pop();
    (open.at(-1)?.step.steps ?? roots).push(made);
    open.push({ depth, step: made });
  }
  return roots;
}

function shared(steps: readonly Step[], whole: number): void {
  for (const each of steps) {
    if (each.cost !== null && whole > 0) {
      const below = each.steps.reduce((sum, { cost }) => sum + (cost ?? 0), 0);
      each.share = Math.min(1, Math.max(0, each.cost - below) / whole);
    }
    shared(each.steps, whole);
  }
}

/** The tree in an answer to EXPLAIN, told by the answer's shape alone. */
export function planOf(result: Rows): Step[] {
  const names = result.columns.map(({ name }) => name.toLowerCase());
  const isTree = ["id", "parent", "detail"].every((name) => names.includes(name));
  const steps = isTree ? byParent(result) : byIndent(result.rows.flatMap((row) => textOf(row[0]).split("\n")));
  shared(
    steps,
    steps.reduce((sum, { cost }) => sum + (cost ?? 0), 0),
  );
  return steps;
}
