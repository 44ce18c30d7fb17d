import type { TestAnswerOut } from "@/api";
import type { Path } from "./body";

/** What a worker said about a value of the request, by its name: `body.items[0].price`. */
export type Marks = Readonly<Record<string, string>>;
const LONGEST = 100; // of a name, as the worker writes it

/** A value's name in a 422, of Holdfast's own and of FastAPI's. */
export function nameOf(where: string, path: Path): string {
  return path.reduce<string>(
    (name, part) => name + (typeof part === "number" ? `[${part}]` : `.${[...part].slice(0, LONGEST).join("")}`),
    where,
  );
}

const PLACES: Record<string, string> = { path: "params", header: "headers" };

/** Of an answer that says which values do not fit. */
export function marksOf(answer: TestAnswerOut | null): Marks {
  if (answer === null || answer.encoded || ![415, 422].includes(answer.status)) return {};
  let told: unknown;
  try {
    told = JSON.parse(answer.body);
  } catch {
    return {};
  }
  const { error, detail } = (told ?? {}) as { error?: { details?: { fields?: unknown } }; detail?: unknown };
  const ours = list(error?.details?.fields).map(({ field, message }) => [field, message] as const);
  const theirs = list(detail).flatMap(({ loc, msg }) => {
    const [where, ...path] = Array.isArray(loc) ? (loc as (string | number)[]) : [];
    return where === undefined ? [] : [[nameOf(PLACES[where] ?? String(where), path), msg] as const];
  });
  const found = new Map<string, string>();
  for (const [name, message] of [...ours, ...theirs])
    if (typeof name === "string" && typeof message === "string" && !found.has(name)) found.set(name, message);
  return Object.fromEntries(found);
}

const list = (given: unknown): Record<string, unknown>[] => (Array.isArray(given) ? given : []).filter(Boolean);

const isIn = (name: string, outer: string) =>
  name === outer || name.startsWith(`${outer}.`) || name.startsWith(`${outer}[`);

/** Without those of a value, and of what is in it: it was changed since. */
export function unmarked(marks: Marks, name: string): Marks {
  return Object.fromEntries(Object.entries(marks).filter(([each]) => !isIn(each, name)));
}

/** Those of a value that none of its `inner` shows: such as of a member that the schema does not have. */
export function strays(marks: Marks, name: string, inner: readonly string[]): string[] {
  return Object.entries(marks).flatMap(([each, message]) => {
    if (!isIn(each, name) || inner.some((one) => isIn(each, one))) return [];
    return each === name ? message : `${each} ${message}`;
  });
}
