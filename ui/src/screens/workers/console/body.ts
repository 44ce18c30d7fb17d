// A JSON body as values at places: read, changed and written.
import type { Field } from "./operations";
import { hasBody, isHeader, type Typed } from "./request";

/** Names and places from the body down. */
export type Path = readonly (string | number)[];
const DEEPEST = 8; // of what a new body has from the beginning
const MOST_OBJECTS = 20; // in it: each may need several of the next, and all of them have fields
const MOST_DIGITS = 15; // that every number here keeps

/** What a value that must be there begins as; undefined: nothing is known of it. */
export function firstOf(field: Field, depth = 0, objects = { left: MOST_OBJECTS }): unknown {
  const { schema, shape } = field;
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (shape.kind === "list") return [];
  if (shape.kind !== "object" || depth > DEEPEST || --objects.left < 0) return undefined;
  const members = shape.fields().filter(({ required }) => required);
  const made = members.map((each) => [each.name, firstOf(each, depth + 1, objects)] as const);
  return Object.fromEntries(made.filter(([, value]) => value !== undefined));
}

/** What one more item of a list begins as. */
export function blankOf(item: Field): unknown {
  const first = firstOf(item);
  if (first !== undefined) return first;
  const { shape } = item;
  if (shape.kind === "choice") return shape.options[0];
  return shape.kind === "boolean" ? false : shape.kind === "raw" ? null : "";
}

/** The value of a JSON body; "missing": there is none. null: one that a form would change behind one's back. */
export function bodyOf({ method, body, encoded }: Typed): { value: unknown } | "missing" | null {
  if (encoded || !hasBody(method)) return null;
  if (body.trim() === "") return "missing";
  return readJson(body);
}

/** null: no JSON, or such as is another one when it is written again. */
export function readJson(text: string): { value: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return isWhole(text) ? { value } : null;
  } catch {
    return null;
  }
}

/** Whether every number in it survives being read and written. */
function isWhole(json: string): boolean {
  const bare = json.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  return (bare.match(/-?\d[\d.eE+-]*/g) ?? []).every((text) => {
    const digits = text
      .replace(/[eE].*/, "")
      .replace(/\D/g, "")
      .replace(/^0+/, "");
    return digits.length <= MOST_DIGITS && Number.isFinite(Number(text));
  });
}

/** The request with this JSON body, and a header that says what it is. */
export function withBody(request: Typed, value: unknown): Typed {
  const { encoded: _, ...rest } = request;
  if (value === undefined) return { ...rest, body: "" };
  const told = rest.headers.some(([name]) => isHeader(name, "content-type"));
  const headers = told ? rest.headers : [...rest.headers, ["content-type", "application/json"] as const];
  return { ...rest, headers, body: JSON.stringify(value, null, 2) };
}

/** What stands at a place of a value. */
export function at(value: unknown, path: Path): unknown {
  let found = value;
  for (const part of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, part)) return undefined;
    found = (found as Record<string | number, unknown>)[part];
  }
  return found;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value with another one at a place; undefined takes it away. What is on the way there is made. */
export function put(value: unknown, path: Path, next: unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return next;
  const inner = put(at(value, [part]), rest, next);
  if (typeof part === "number") {
    const list: unknown[] = Array.isArray(value) ? [...value] : [];
    list.splice(part, 1, ...(inner === undefined ? [] : [inner]));
    return list;
  }
  const members = new Map(Object.entries(isObject(value) ? value : {}));
  if (inner === undefined) members.delete(part);
  else members.set(part, inner);
  return Object.fromEntries(members);
}

/** How a single value is shown in its control. */
export function textOf({ shape }: Field, value: unknown): string {
  if (value === undefined || (value === null && shape.kind !== "choice")) return "";
  return shape.kind === "choice" || typeof value !== "string" ? JSON.stringify(value) : value;
}

/** What a text in a control stands for; undefined: no value. `isItem`: of a list, which keeps its place. */
export function meant(field: Field, text: string, isItem: boolean): unknown {
  const { kind } = field.shape;
  if (kind === "choice" && text !== "") return JSON.parse(text);
  if (kind === "boolean" && text !== "") return text === "true";
  if ((kind === "number" || kind === "integer") && text.trim() !== "") return numberOf(text);
  if (text !== "" && kind === "text") return text;
  if (field.required && field.nullable) return null;
  return isItem || (field.required && kind === "text") ? "" : undefined;
}

/** Itself where it is no number that JSON has: nothing that was typed is lost, and the worker says what is wrong. */
function numberOf(text: string): number | string {
  const trimmed = text.trim();
  const isNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(trimmed) && isWhole(trimmed);
  return isNumber ? Number(trimmed) : text;
}
