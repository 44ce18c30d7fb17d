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
  properties?: Record<string, Schema | boolean>;
  required?: string[];
  items?: Schema | boolean;
  prefixItems?: unknown[];
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
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

export type Place = "params" | "query" | "headers";

/** One value of a request, by what it may be. `schema`: without references. */
export interface Field {
  name: string;
  required: boolean;
  schema: Schema;
  shape: Shape;
  /** null is a value of it. */
  nullable: boolean;
}

/** `raw`: no control says it, only its JSON does. What is inside is made when it is looked at: schemas may name themselves. */
export type Shape =
  | { kind: "text" | "number" | "integer" | "boolean" | "raw" }
  | { kind: "choice"; options: readonly unknown[] }
  | { kind: "object"; fields: () => readonly Field[] }
  | { kind: "list"; item: () => Field };

/** What a version declares of one method and path. */
export interface Operation {
  id: string;
  method: string;
  path: string;
  summary: string;
  deprecated: boolean;
  parts: Record<Place, readonly Field[]>;
  body: Field | null;
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema | boolean;
}

interface Told {
  summary?: string;
  deprecated?: boolean;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Record<string, { schema?: Schema | boolean }> };
}

const PLACES: Record<Place, string> = { params: "path", query: "query", headers: "header" };
const DEEPEST = 50; // of references that lead to references
const SINGLE = new Set(["string", "number", "integer", "boolean"]);

/** The operations of an OpenAPI document, in its order. */
export function operationsOf(document: unknown): Operation[] {
  const paths = (document as { paths?: Record<string, Record<string, Told>> } | null)?.paths ?? {};
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, told]) => operationOf(method.toUpperCase(), path, told, document)),
  );
}

function operationOf(method: string, path: string, told: Told, document: unknown): Operation {
  const fieldsIn = (place: Place) =>
    (told.parameters ?? [])
      .filter((each) => each.in === PLACES[place])
      .map((each) => {
        const made = fieldOf(each.name, each.schema ?? {}, each.required === true, document);
        return each.description ? { ...made, schema: { ...made.schema, description: each.description } } : made;
      });
  const body = told.requestBody?.content?.["application/json"]?.schema;
  return {
    id: `${method} ${path}`,
    method,
    path,
    summary: told.summary ?? "",
    deprecated: told.deprecated === true,
    parts: { params: fieldsIn("params"), query: fieldsIn("query"), headers: fieldsIn("headers") },
    body: body === undefined ? null : fieldOf("body", body, told.requestBody?.required === true, document),
  };
}

function fieldOf(name: string, given: Schema | boolean, required: boolean, document: unknown): Field {
  const [schema, nullable] = plain(typeof given === "boolean" ? {} : given, document, 0);
  return { name, required, schema, shape: shapeOf(schema, document), nullable };
}

/** Without `$ref`, `allOf` and the null beside another schema; what is said beside a reference counts more than what it leads to. */
function plain(given: Schema, document: unknown, depth: number): [Schema, boolean] {
  if (depth > DEEPEST) return [{}, false];
  const { $ref, allOf, ...own } = given;
  if ($ref !== undefined || allOf) {
    const parts = [...($ref === undefined ? [] : [pointed($ref, document)]), ...(allOf ?? [])];
    const found = parts.map((each) => plain(each, document, depth + 1));
    return [[...found.map(([each]) => each), own].reduce(merged), found.some(([, nullable]) => nullable)];
  }
  const some = own.anyOf ? "anyOf" : own.oneOf ? "oneOf" : null;
  const others = some && own[some]?.filter((each) => each.type !== "null");
  if (some && others?.length === 1 && others[0]) {
    const [inner] = plain(others[0], document, depth + 1);
    return [merged(inner, { ...own, [some]: undefined }), others.length < (own[some]?.length ?? 0)];
  }
  if (!Array.isArray(own.type)) return [own, false];
  const types = own.type.filter((each) => each !== "null");
  return [{ ...own, type: types.length === 1 ? types[0] : types }, types.length < own.type.length];
}

/** `more` counts more; members and what is required add up. */
function merged(one: Schema, more: Schema): Schema {
  const said = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
  return {
    ...one,
    ...said,
    ...((one.properties || more.properties) && { properties: { ...one.properties, ...more.properties } }),
    ...((one.required || more.required) && { required: [...(one.required ?? []), ...(more.required ?? [])] }),
  };
}

/** What a JSON pointer within the document leads to; nothing is known of any other. */
function pointed(pointer: string, document: unknown): Schema {
  if (!pointer.startsWith("#")) return {};
  let found: unknown = document;
  for (const part of pointer.slice(1).split("/").slice(1)) {
    const name = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return {};
    found = (found as Record<string, unknown>)[name];
  }
  return typeof found === "object" && found !== null ? (found as Schema) : {};
}

export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function shapeOf(schema: Schema, document: unknown): Shape {
  const { type, properties, items } = schema;
  const options = optionsOf(schema);
  if (options) return { kind: "choice", options };
  if (schema.anyOf || schema.oneOf) return { kind: "raw" };
  if (typeof type === "string" && SINGLE.has(type)) return { kind: type === "string" ? "text" : (type as "number") };
  if (properties && (type === "object" || type === undefined) && Object.keys(properties).length > 0) {
    const required = new Set(schema.required);
    const isTaken = ([name, each]: [string, Schema | boolean]) =>
      each !== false && (required.has(name) || each === true || !each.readOnly);
    const members = Object.entries(properties).filter(isTaken);
    const fields = () => members.map(([name, each]) => fieldOf(name, each, required.has(name), document));
    return { kind: "object", fields };
  }
  if (type === "array" && typeof items === "object" && !schema.prefixItems)
    return { kind: "list", item: () => fieldOf("", items, true, document) };
  return { kind: "raw" };
}

/** The values of which it is one, where they are told. */
function optionsOf(schema: Schema): readonly unknown[] | null {
  if (schema.enum) return schema.enum;
  if (schema.const !== undefined) return [schema.const];
  const each = schema.oneOf ?? schema.anyOf;
  return each?.every((one) => one.const !== undefined) ? each.map((one) => one.const) : null;
}
