import { describe, expect, test } from "vitest";
import { at, blankOf, bodyOf, firstOf, meant, put, textOf, withBody } from "./body";
import { type Field, type Operation, operationsOf } from "./operations";
import { asked, FIRST, type Typed } from "./request";
import { begun, routeOf, textsOf, withTexts } from "./route";

/** As Holdfast makes them: references lead to components, those of one's own beginning too. */
const DOCUMENT = JSON.parse(`{
  "openapi": "3.1.0",
  "paths": {
    "/items/{id}": {
      "put": {
        "summary": "Change an item",
        "parameters": [
          {"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 1}},
          {"name": "dry", "in": "query", "required": false, "schema": {"type": "boolean"}, "description": "Change nothing"},
          {"name": "a&b=ü?", "in": "query", "required": false, "schema": {"type": "string"}},
          {"name": "tag", "in": "query", "required": false, "schema": {"type": "array", "items": {"type": "string"}}},
          {"name": "x-trace", "in": "header", "required": true, "schema": {"type": "string"}}
        ],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}
      },
      "get": {}
    },
    "/items/new": {"get": {}},
    "/free": {"post": {"requestBody": {"required": false, "content": {"application/json": {"schema": true}}}}}
  },
  "components": {"schemas": {
    "Item": {
      "type": "object",
      "required": ["name", "price", "state", "home", "lines", "kind", "__proto__"],
      "properties": {
        "name": {"type": "string", "minLength": 1},
        "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "state": {"enum": ["new", 1, null], "default": "new"},
        "kind": {"const": "item"},
        "home": {"description": "Where it stands", "allOf": [{"$ref": "#/components/schemas/put.body/$defs/a~1b%25"}]},
        "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        "when": {"type": ["string", "null"], "format": "date-time"},
        "open": {"type": "boolean"},
        "way": {"oneOf": [{"const": "by air"}, {"const": "by sea"}]},
        "any": {"oneOf": [{"type": "string"}, {"type": "object"}]},
        "map": {"type": "object", "additionalProperties": {"type": "integer"}},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}]},
        "made": {"type": "string", "readOnly": true},
        "lost": {"$ref": "#/components/schemas/Gone"},
        "never": false,
        "a.b[0]": {"type": "string"},
        "__proto__": {"type": "string"},
        "": {"type": "string"}
      }
    },
    "put.body": {"$defs": {"a/b%": {
      "type": "object", "required": ["street"],
      "properties": {"street": {"type": "string", "default": "Main St"}, "no": {"type": "integer"}}
    }}}
  }}
}`);

const operations = operationsOf(DOCUMENT);
const of = (id: string): Operation => operations.find((each) => each.id === id) as Operation;
const PUT = of("PUT /items/{id}");
const members = (field: Field) => (field.shape.kind === "object" ? field.shape.fields() : []);
const member = (name: string) => members(PUT.body as Field).find((each) => each.name === name) as Field;
const sent = (patch: Partial<Typed>): Typed => ({ ...FIRST, method: "PUT", path: "/items/7", ...patch });
const read = (request: Typed) => (bodyOf(request) as { value: unknown }).value;

describe("a schema becomes fields", () => {
  test("by what each value may be", () => {
    expect(members(PUT.body as Field).map(({ name, shape }) => `${name}:${shape.kind}`)).toEqual([
      "name:text",
      "price:number",
      "state:choice",
      "kind:choice",
      "home:object",
      "lines:list",
      "when:text",
      "open:boolean",
      "way:choice",
      "any:raw",
      "map:raw",
      "pair:raw",
      "lost:raw",
      "a.b[0]:text",
      "__proto__:text",
      ":text",
    ]);
    expect(PUT.parts.query.map(({ name, required }) => [name, required])).toEqual([
      ["dry", false],
      ["a&b=ü?", false],
      ["tag", false],
    ]);
    expect(PUT.parts.query[0]?.schema.description).toBe("Change nothing");
    expect(of("POST /free").body?.shape.kind).toBe("raw");
  });

  test("null beside another type is the same control, with null for nothing", () => {
    expect([member("price").nullable, member("when").nullable, member("name").nullable]).toEqual([true, true, false]);
    expect(meant(member("price"), "", false)).toBe(null);
    expect(meant(member("when"), "", false)).toBe(undefined);
  });

  test("references lead into components, and a schema that names itself is opened step by step", () => {
    expect(member("home").schema.description).toBe("Where it stands");
    expect(members(member("home")).map(({ name }) => name)).toEqual(["street", "no"]);
    const { shape } = member("lines");
    const item = shape.kind === "list" ? shape.item() : null;
    expect(item && members(item)[0]?.name).toBe("name");
  });

  test("references in a circle end", () => {
    const circle = { $ref: "#/components/schemas/A" };
    const schema = { content: { "application/json": { schema: circle } } };
    const document = { paths: { "/": { post: { requestBody: schema } } }, components: { schemas: { A: circle } } };
    expect(operationsOf(document)[0]?.body?.shape.kind).toBe("raw");
    expect(operationsOf(null)).toEqual([]);
    expect(operationsOf({ paths: {} })).toEqual([]);
  });
});

describe("a route", () => {
  test("is the one that the request meets, the more definite first", () => {
    const met = (method: string, path: string, kept: string | null = null) =>
      routeOf(operations, { ...FIRST, method, path }, kept)?.id;
    expect(met("GET", "/items/new")).toBe("GET /items/new");
    expect(met("GET", "/items/%6Eew/?x=1")).toBe("GET /items/new");
    expect(met("GET", "/items/newer")).toBe("GET /items/{id}");
    expect(met("HEAD", "/items/7")).toBe("GET /items/{id}");
    expect(met("POST", "/items/7")).toBe(undefined);
    expect(met("GET", "/items/7/x")).toBe(undefined);
    expect(met("GET", "/items/%zz")).toBe("GET /items/{id}");
  });

  test("stays while its path part is typed, though another one fits as well", () => {
    const request = { ...FIRST, path: "/items/new" };
    expect(routeOf(operations, request, "GET /items/{id}")?.id).toBe("GET /items/{id}");
    expect(routeOf(operations, { ...request, path: "/free" }, "GET /items/{id}")).toBe(null);
  });

  test("begins with what a request must have, and keeps the headers that let one in", () => {
    const made = begun(PUT, { ...FIRST, headers: [["authorization", "Bearer x"]] });
    expect([made.method, made.path]).toEqual(["PUT", "/items/{id}"]);
    expect(made.headers).toEqual([
      ["authorization", "Bearer x"],
      ["content-type", "application/json"],
    ]);
    expect(read(made)).toEqual({ state: "new", kind: "item", home: { street: "Main St" }, lines: [] });
    const next = begun(of("GET /items/new"), made);
    expect([next.body, next.headers]).toEqual(["", [["authorization", "Bearer x"]]]);
    expect(begun(of("POST /free"), FIRST).body).toBe("");
  });
});

describe("texts of a request", () => {
  const texts = (request: Typed, place: "params" | "query" | "headers", name: string) =>
    textsOf(PUT, request, place, name);

  test("come back as they were written, whatever they are", () => {
    for (const text of ["7", "a/b", "a b+c&d=e?f#g", "ü%41", "{id}", "👍", '"', "null"]) {
      let request = withTexts(PUT, begun(PUT, FIRST), "params", "id", [text]);
      request = withTexts(PUT, request, "query", "a&b=ü?", [text]);
      request = withTexts(PUT, request, "headers", "x-trace", [text]);
      expect(routeOf(operations, request, null)?.id).toBe(PUT.id);
      expect(texts(request, "params", "id")).toEqual([text]);
      expect(texts(request, "query", "a&b=ü?")).toEqual([text]);
      expect(texts(request, "headers", "x-trace")).toEqual([text]);
      expect(new URL(request.path, "http://x").searchParams.get("a&b=ü?")).toBe(text);
    }
  });

  test("half a character becomes one that an address can hold", () => {
    expect(withTexts(PUT, sent({}), "params", "id", ["a\ud800"]).path).toBe("/items/a%EF%BF%BD");
  });

  test("a name that is not filled in is in its braces", () => {
    const request = sent({ path: "/items/{id}?dry=true" });
    expect(texts(request, "params", "id")).toEqual([]);
    const filled = withTexts(PUT, request, "params", "id", ["7"]);
    expect(filled.path).toBe("/items/7?dry=true");
    expect(withTexts(PUT, filled, "params", "id", []).path).toBe(request.path);
  });

  test("several of a name are a list, and what nobody asked about stays as it was typed", () => {
    const request = sent({ path: "/items/7?x=%7e+1&tag=a&&tag=b+c&y" });
    expect(texts(request, "query", "tag")).toEqual(["a", "b c"]);
    expect(withTexts(PUT, request, "query", "tag", ["z", "", "&"]).path).toBe("/items/7?x=%7e+1&tag=z&tag=&tag=%26&y");
    expect(withTexts(PUT, request, "query", "tag", []).path).toBe("/items/7?x=%7e+1&y");
    expect(withTexts(PUT, sent({ path: "/items/7?tag=a" }), "query", "tag", []).path).toBe("/items/7");
    expect(withTexts(PUT, sent({}), "query", "dry", ["true"]).path).toBe("/items/7?dry=true");
  });

  test("a header is the same in any case of letters", () => {
    const request = sent({
      headers: [
        ["X-Trace", "1"],
        ["accept", "*/*"],
        ["x-trace ", "2"],
      ],
    });
    expect(texts(request, "headers", "x-trace")).toEqual(["1", "2"]);
    expect(withTexts(PUT, request, "headers", "x-trace", ["3"]).headers).toEqual([
      ["x-trace", "3"],
      ["accept", "*/*"],
    ]);
  });
});

describe("a JSON body", () => {
  test("is read, changed at a place and written; the rest stays", () => {
    const request = sent({ body: '{"name": "a", "extra": [1, 2.50], "home": {"no": 1}}' });
    const next = withBody(request, put(read(request), ["home", "street"], "x"));
    expect(read(next)).toEqual({ name: "a", extra: [1, 2.5], home: { no: 1, street: "x" } });
    expect(asked(next).headers).toEqual([["content-type", "application/json"]]);
    expect(withBody({ ...next, headers: [["Content-Type", "application/x+json"]] }, 1).headers).toHaveLength(1);
    expect(withBody(next, undefined).body).toBe("");
  });

  test("what is on the way to a place is made, and taken away without a trace", () => {
    const made = put(undefined, ["lines", 0, "home", "no"], 3);
    expect(made).toEqual({ lines: [{ home: { no: 3 } }] });
    expect(put(made, ["lines", 0], undefined)).toEqual({ lines: [] });
    expect(put({ a: 1, b: 2 }, ["a"], 3)).toEqual({ a: 3, b: 2 });
    expect(put(["a", "b"], [1], "c")).toEqual(["a", "c"]);
  });

  test("names of every object are names like any other", () => {
    expect(at({}, ["constructor"])).toBe(undefined);
    expect(at({}, ["__proto__"])).toBe(undefined);
    const made = put({ name: "a" }, ["__proto__"], "b");
    expect(JSON.stringify(made)).toBe('{"name":"a","__proto__":"b"}');
    expect(at(made, ["__proto__"])).toBe("b");
    expect(JSON.stringify(put(made, ["__proto__"], undefined))).toBe('{"name":"a"}');
    expect(JSON.stringify(put({}, ["", "a.b[0]"], 1))).toBe('{"":{"a.b[0]":1}}');
  });

  test("that a form would change behind one's back stays text", () => {
    for (const body of ["{no", '{"id": 12345678901234567890}', "1e999", "0.12345678901234567"])
      expect(bodyOf(sent({ body }))).toBe(null);
    for (const body of ['{"id": "12345678901234567890"}', '"\\"12345678901234567890"', "1e3", "-0.5"])
      expect(bodyOf(sent({ body }))).toEqual({ value: JSON.parse(body) });
    expect(bodyOf(sent({ body: "aGk=", encoded: true }))).toBe(null);
    expect(bodyOf(sent({ body: " " }))).toBe("missing");
  });

  test("a typed text is a value of the schema's type, or stays what was typed", () => {
    const price = member("price");
    for (const [text, value] of [
      ["1.50", 1.5],
      [" -2e3 ", -2000],
      ["1.", "1."],
      ["01", "01"],
      ["0x10", "0x10"],
      ["99999999999999999999", "99999999999999999999"],
    ] as const)
      expect(meant(price, text, false)).toBe(value);
    expect(textOf(price, "1.")).toBe("1.");
    expect(textOf(price, 1.5)).toBe("1.5");
    expect(meant(member("name"), "", false)).toBe("");
    expect(meant(member("a.b[0]"), "", false)).toBe(undefined);
    expect(meant(member("open"), "false", false)).toBe(false);
    expect(meant({ ...price, nullable: false }, "", false)).toBe(undefined);
    expect(meant({ ...price, nullable: false }, "", true)).toBe("");
  });

  test("a choice keeps the type of its values", () => {
    const state = member("state");
    for (const value of ["new", 1, null]) expect(meant(state, textOf(state, value), false)).toBe(value);
    expect(textOf(state, undefined)).toBe("");
    expect(meant(state, "", false)).toBe(undefined);
  });

  test("what must be there begins with what is known of it", () => {
    expect(firstOf(member("home"))).toEqual({ street: "Main St" });
    expect(firstOf(member("name"))).toBe(undefined);
    expect(["state", "open", "name", "any", "lines", "way"].map((name) => blankOf(member(name)))).toEqual([
      "new",
      false,
      "",
      null,
      [],
      "by air",
    ]);
  });
});
