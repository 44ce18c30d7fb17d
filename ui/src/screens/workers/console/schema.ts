// Schemas as a document says them, read with distrust: a worker may write its document itself, and make it endless,
// circular or no schema at all. What is not as JSON Schema has it is left out; nothing here costs more than its budget.

/** The part of JSON Schema (2020-12) that a form can be made of; what else a schema says is the worker's to check. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  const?: unknown;
  enum?: unknown[];
  format?: string;
  properties?: Record<string, unknown>;
  required?: string[];
  items?: unknown;
  prefixItems?: unknown[];
  allOf?: unknown[];
  anyOf?: unknown[];
  oneOf?: unknown[];
  readOnly?: boolean;
  writeOnly?: boolean;
  deprecated?: boolean;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
}

const DEEPEST = 50; // of references that lead to references
const MOST_MEMBERS = 200;
const MOST_OPTIONS = 300;
const MOST_PARTS = 50; // of allOf, anyOf, oneOf
const LONGEST = 2000; // letters of a text, and of a value that a form begins with
const NUMBERS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"] as const;
const FLAGS = ["readOnly", "writeOnly", "deprecated"] as const;
const TEXTS = ["$ref", "title", "description", "format"] as const;

/** How many schemas may still be looked at. */
export class Budget {
  constructor(private left: number) {}

  spend(): boolean {
    return --this.left >= 0;
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A text that is there, not longer than people read. */
export const textIn = (value: unknown) => (typeof value === "string" ? value.slice(0, LONGEST) : "");

/** Without `$ref`, `allOf` and the null beside another schema; what is said beside a reference counts more than what it leads to. */
export function plain(given: unknown, document: unknown, budget: Budget, depth = 0): [Schema, nullable: boolean] {
  if (depth > DEEPEST || !budget.spend()) return [{}, false];
  const { $ref, allOf, ...own } = said(given);
  if ($ref !== undefined || allOf) {
    const parts = [...($ref === undefined ? [] : [pointed($ref, document)]), ...(allOf ?? [])];
    const found = parts.map((each) => plain(each, document, budget, depth + 1));
    return [[...found.map(([each]) => each), own].reduce(merged), found.some(([, nullable]) => nullable)];
  }
  const some = own.anyOf ? "anyOf" : own.oneOf ? "oneOf" : null;
  const others = some && own[some]?.filter((each) => said(each).type !== "null");
  if (some && others?.length === 1) {
    const [inner, nullable] = plain(others[0], document, budget, depth + 1);
    return [merged(inner, { ...own, [some]: undefined }), nullable || others.length < (own[some]?.length ?? 0)];
  }
  if (!Array.isArray(own.type)) return [own, false];
  const types = own.type.filter((each) => each !== "null");
  const [only] = types;
  return [{ ...own, type: types.length === 1 && only ? only : types }, types.length < own.type.length];
}

/** What a JSON pointer within the document leads to; nothing is known of any other. */
export function pointed(pointer: string, document: unknown): unknown {
  if (!pointer.startsWith("#") || pointer.length >= LONGEST) return {};
  let found: unknown = document;
  for (const part of pointer.slice(1).split("/").slice(1)) {
    const name = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return {};
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `more` counts more; members and what is required add up. */
function merged(one: Schema, more: Schema): Schema {
  const told = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
  return {
    ...one,
    ...told,
    ...((one.properties || more.properties) && { properties: { ...one.properties, ...more.properties } }),
    ...((one.required || more.required) && { required: [...(one.required ?? []), ...(more.required ?? [])] }),
  };
}

const seen = new WeakMap<object, Schema>();

/** What of it is as it should be. Once for each place of a document: a large one may be referred to often. */
function said(raw: unknown): Schema {
  if (!isRecord(raw)) return {};
  const kept = seen.get(raw) ?? read(raw);
  seen.set(raw, kept);
  return kept;
}

function read(raw: Record<string, unknown>): Schema {
  const made: Schema = {};
  for (const name of TEXTS) if (typeof raw[name] === "string") made[name] = textIn(raw[name]);
  for (const name of NUMBERS) if (typeof raw[name] === "number") made[name] = raw[name];
  for (const name of FLAGS) if (typeof raw[name] === "boolean") made[name] = raw[name];
  for (const name of ["allOf", "anyOf", "oneOf"] as const) {
    const parts = raw[name];
    if (Array.isArray(parts) && parts.length > 0) made[name] = parts.slice(0, MOST_PARTS);
  }
  for (const name of ["default", "const"] as const) if (isSmall(raw[name])) made[name] = raw[name];
  const { type, examples, properties, required, items, prefixItems } = raw;
  if (typeof type === "string") made.type = type;
  else if (Array.isArray(type)) made.type = type.slice(0, 10).filter((each) => typeof each === "string");
  if (Array.isArray(examples)) made.examples = examples.slice(0, 1).filter(isSmall);
  if (Array.isArray(raw.enum) && raw.enum.length <= MOST_OPTIONS && raw.enum.every(isSmall)) made.enum = raw.enum;
  if (isRecord(properties)) made.properties = Object.fromEntries(Object.entries(properties).slice(0, MOST_MEMBERS));
  if (Array.isArray(required))
    made.required = required.slice(0, MOST_MEMBERS).filter((each) => typeof each === "string");
  if (isRecord(items)) made.items = items;
  if (Array.isArray(prefixItems)) made.prefixItems = [];
  return made;
}

/** Whether a value can stand in a form: short, and not deep. */
export function isSmall(value: unknown): boolean {
  let left = LONGEST;
  function fits(each: unknown, depth: number): boolean {
    left -= typeof each === "string" ? each.length + 1 : 1;
    if (left < 0 || depth > 20) return false;
    if (typeof each !== "object" || each === null) return each !== undefined;
    for (const name in each) {
      left -= name.length;
      if (!fits((each as Record<string, unknown>)[name], depth + 1)) return false;
    }
    return true;
  }
  return fits(value, 0);
}
