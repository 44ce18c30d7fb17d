// The operations of an OpenAPI document as fields of a form: Holdfast's own of declared routes, or a worker's.
import { Budget, isRecord, isSmall, plain, pointed, type Schema, textIn } from "./schema";

export { decoded, type Schema } from "./schema";

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

const PLACES: Record<Place, string> = { params: "path", query: "query", headers: "header" };
const METHODS = new Set(["get", "put", "post", "delete", "options", "head", "patch"]);
const SINGLE = new Set(["string", "number", "integer", "boolean"]);
const MOST_OPERATIONS = 500;
const MOST_PARAMETERS = 100;
const LONGEST_PATH = 500;
const LONGEST_SUMMARY = 120;
const STEPS = 20_000; // schemas of a document that are looked at before anybody chose a route
const STEPS_INSIDE = 1000; // of one object's members

/** In the document's order; what is no operation is left out. */
export function operationsOf(document: unknown): Operation[] {
  const paths = isRecord(document) && isRecord(document.paths) ? document.paths : {};
  const budget = new Budget(STEPS);
  const made: Operation[] = [];
  for (const [path, methods] of Object.entries(paths)) {
    if (!isRecord(methods) || !path.startsWith("/") || path.length > LONGEST_PATH) continue;
    for (const [method, told] of Object.entries(methods)) {
      if (!METHODS.has(method) || !isRecord(told)) continue;
      if (made.length === MOST_OPERATIONS) return made;
      made.push(operationOf(method.toUpperCase(), path, told, methods.parameters, document, budget));
    }
  }
  return made;
}

type Told = Readonly<Record<string, unknown>>;

function operationOf(
  method: string,
  path: string,
  told: Told,
  ofPath: unknown,
  document: unknown,
  budget: Budget,
): Operation {
  const parameters = parametersOf([ofPath, told.parameters], document);
  const fieldsIn = (place: Place) =>
    parameters
      .filter((each) => each.in === PLACES[place])
      .map((each) => {
        const made = fieldOf(textIn(each.name), each.schema, each.required === true, document, budget);
        const description = textIn(each.description);
        return description ? { ...made, schema: { ...made.schema, description } } : made;
      });
  return {
    id: `${method} ${path}`,
    method,
    path,
    summary: textIn(told.summary).slice(0, LONGEST_SUMMARY),
    deprecated: told.deprecated === true,
    parts: { params: fieldsIn("params"), query: fieldsIn("query"), headers: fieldsIn("headers") },
    body: bodyOf(told.requestBody, document, budget),
  };
}

/** Those of the path and of the operation, of which the latter counts more. */
function parametersOf(lists: readonly unknown[], document: unknown): Told[] {
  const found = new Map<string, Told>();
  for (const each of lists.flatMap((list) => (Array.isArray(list) ? list.slice(0, MOST_PARAMETERS) : []))) {
    const one = meant(each, document);
    if (one && typeof one.name === "string" && typeof one.in === "string") found.set(`${one.in} ${one.name}`, one);
  }
  return [...found.values()];
}

/** A body that is no JSON has no field but its text. */
function bodyOf(given: unknown, document: unknown, budget: Budget): Field | null {
  const body = meant(given, document);
  if (!body || !isRecord(body.content)) return null;
  const json = body.content["application/json"];
  const schema = isRecord(json) ? json.schema : undefined;
  return fieldOf("body", schema, body.required === true, document, budget);
}

/** What a reference leads to, or what stands there. */
function meant(given: unknown, document: unknown): Told | null {
  if (!isRecord(given)) return null;
  const found = typeof given.$ref === "string" ? pointed(given.$ref, document) : given;
  return isRecord(found) ? found : null;
}

function fieldOf(name: string, given: unknown, required: boolean, document: unknown, budget: Budget): Field {
  const [schema, nullable] = plain(given, document, budget);
  return { name, required, schema, shape: shapeOf(schema, document), nullable };
}

function shapeOf(schema: Schema, document: unknown): Shape {
  const { type, properties, items } = schema;
  const options = optionsOf(schema);
  if (options) return { kind: "choice", options };
  if (schema.anyOf || schema.oneOf) return { kind: "raw" };
  if (typeof type === "string" && SINGLE.has(type)) return { kind: type === "string" ? "text" : (type as "number") };
  if (properties && (type === "object" || type === undefined) && Object.keys(properties).length > 0) {
    const required = new Set(schema.required);
    const isTaken = ([name, each]: [string, unknown]) =>
      each !== false && (required.has(name) || !isRecord(each) || each.readOnly !== true);
    const members = Object.entries(properties).filter(isTaken);
    const fields = () => {
      const budget = new Budget(STEPS_INSIDE);
      return members.map(([name, each]) => fieldOf(name, each, required.has(name), document, budget));
    };
    return { kind: "object", fields };
  }
  if (type === "array" && items !== undefined && !schema.prefixItems)
    return { kind: "list", item: () => fieldOf("", items, true, document, new Budget(STEPS_INSIDE)) };
  return { kind: "raw" };
}

/** The values of which it is one, where they are told. */
function optionsOf(schema: Schema): readonly unknown[] | null {
  if (schema.enum) return schema.enum;
  if (schema.const !== undefined) return [schema.const];
  const each = schema.oneOf ?? schema.anyOf;
  const values = each?.map((one) => (isRecord(one) ? one.const : undefined));
  return values?.every(isSmall) ? values : null;
}
