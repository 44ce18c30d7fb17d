import { describe, expect, test } from "vitest";
import { firstOf } from "./body";
import type { Field, Operation } from "./operations";
import { ownOperations } from "./own";
import { FIRST } from "./request";
import { begun, routeOf } from "./route";

const MOST_MS = 1500; // a page that takes longer has hung; each takes a fraction of it here
const answered = (body: string) => ({ status: 200, body, encoded: false, truncated: false });
const read = (document: object) => ownOperations(answered(JSON.stringify({ openapi: "3.1.0", ...document })));
const members = (field: Field | null | undefined) => (field?.shape.kind === "object" ? field.shape.fields() : []);

/** As FastAPI 0.115 writes it, cut to what matters. */
const FASTAPI = {
  info: { title: "FastAPI", version: "0.1.0" },
  paths: {
    "/items/{item_id}": {
      parameters: [{ name: "x-tenant", in: "header", required: true, schema: { type: "string" } }],
      put: {
        summary: "Update Item",
        operationId: "update_item_items__item_id__put",
        parameters: [
          { name: "item_id", in: "path", required: true, schema: { type: "integer", title: "Item Id" } },
          {
            name: "q",
            in: "query",
            required: false,
            schema: { anyOf: [{ type: "string" }, { type: "null" }], title: "Q" },
          },
          { $ref: "#/components/parameters/Page" },
        ],
        requestBody: {
          required: true,
          content: { "application/json": { schema: { $ref: "#/components/schemas/Item" } } },
        },
        responses: { "200": { description: "Successful Response" } },
      },
    },
    "/upload": {
      post: { requestBody: { required: true, content: { "multipart/form-data": { schema: { type: "object" } } } } },
    },
  },
  components: {
    parameters: { Page: { name: "page", in: "query", schema: { type: "integer", default: 1 } } },
    schemas: {
      Item: {
        type: "object",
        required: ["name", "price"],
        properties: {
          name: { type: "string", title: "Name" },
          price: { type: "number", title: "Price" },
          kind: { $ref: "#/components/schemas/Kind", default: "tea" },
          parent: { anyOf: [{ $ref: "#/components/schemas/Item" }, { type: "null" }] },
        },
      },
      Kind: { type: "string", enum: ["tea", "cup"] },
    },
  },
};

/** All that a page does with it: the list, the route of a request, the form of each route. */
function shown(found: ReturnType<typeof ownOperations>, depth = 3): number {
  let fields = 0;
  function look(field: Field, left: number) {
    fields++;
    if (left === 0) return;
    if (field.shape.kind === "list") look(field.shape.item(), left - 1);
    for (const each of members(field).slice(0, 3)) look(each, left - 1);
  }
  for (const operation of found.operations.slice(0, 20)) {
    routeOf(found.operations, begun(operation, FIRST), operation.id);
    for (const place of Object.values(operation.parts)) for (const each of place) look(each, depth);
    if (operation.body) {
      look(operation.body, depth);
      JSON.stringify(firstOf(operation.body));
    }
  }
  return fields;
}

/** Milliseconds of the processor: other programs are no part of it. */
function timed(act: () => void): number {
  const began = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

describe("a worker's own document", () => {
  test("becomes the form that FastAPI's own page would have", () => {
    const found = read(FASTAPI);
    expect(found.operations.map(({ id, summary }) => [id, summary])).toEqual([
      ["PUT /items/{item_id}", "Update Item"],
      ["POST /upload", ""],
    ]);
    const [put, upload] = found.operations as [Operation, Operation];
    expect(put.parts.params.map(({ name, shape }) => [name, shape.kind])).toEqual([["item_id", "integer"]]);
    expect(put.parts.query.map(({ name, shape, nullable }) => [name, shape.kind, nullable])).toEqual([
      ["q", "text", true],
      ["page", "integer", false],
    ]);
    expect(put.parts.headers.map(({ name, required }) => [name, required])).toEqual([["x-tenant", true]]);
    expect(members(put.body).map(({ name, shape }) => [name, shape.kind])).toEqual([
      ["name", "text"],
      ["price", "number"],
      ["kind", "choice"],
      ["parent", "object"],
    ]);
    expect(upload.body?.shape.kind).toBe("raw");
    expect(begun(put, FIRST)).toMatchObject({ method: "PUT", path: "/items/{item_id}" });
  });

  test("that is none is told as such", () => {
    const why = (patch: object) => ownOperations({ ...answered("{}"), ...patch }).fault;
    expect(why({ status: 404 })).toEqual({ why: "status", status: 404 });
    expect(why({ truncated: true })).toEqual({ why: "large" });
    expect(why({ encoded: true })).toEqual({ why: "noDocument" });
    for (const body of ["", "<html>", "[]", "null", "3", '{"openapi": 3}', '{"swagger": "2.0"}'])
      expect(why({ body })).toEqual({ why: "noDocument" });
    expect(why({ body: '{"openapi": "3.1.0", "paths": {"x": {"get": {}}, "/a": {"steal": {}, "get": 1}}}' })).toEqual({
      why: "empty",
    });
  });
});

const body = (schema: unknown) => ({ requestBody: { required: true, content: { "application/json": { schema } } } });
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const numbered = <T>(count: number, make: (nth: number) => T): Record<string, T> =>
  Object.fromEntries(Array.from({ length: count }, (_, nth) => [`S${nth}`, make(nth)]));

describe("a hostile document", () => {
  test("with every part of another type is no harm", () => {
    const odd: unknown[] = [null, 0, -1, "", "x", true, [], [[]], {}, [null], { toString: 1 }, 1e308];
    const keys =
      "$ref type title description default examples const enum format properties required items prefixItems allOf anyOf oneOf readOnly minimum maxLength".split(
        " ",
      );
    for (const value of odd) {
      const schema = Object.fromEntries(keys.map((key) => [key, value]));
      const one = keys.map((key) => ({ type: "object", properties: { a: { type: "string" } }, [key]: value }));
      for (const each of [schema, ...one, value]) {
        const parameters = [
          value,
          { name: value, in: "query" },
          { name: "q", in: "query", schema: each, required: value },
        ];
        const document = {
          paths: { "/a": { parameters: value, get: { summary: value, parameters }, post: body(each), put: value } },
          components: value,
        };
        const found = read(document);
        shown(found);
        for (const { summary, parts } of found.operations) {
          expect(typeof summary).toBe("string");
          for (const field of Object.values(parts).flat())
            expect([typeof field.name, typeof (field.schema.description ?? "")]).toEqual(["string", "string"]);
        }
      }
    }
    for (const value of odd) read({ paths: value });
  });

  test("whose references multiply without end is read to its budget", () => {
    const twice = numbered(60, (nth) => ({ allOf: [ref(`S${nth + 1}`), ref(`S${nth + 1}`)] }));
    const wide = numbered(60, (nth) => ({
      type: "object",
      required: Array.from({ length: 40 }, (_, at) => `p${at}`),
      properties: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`p${at}`, ref(`S${nth + 1}`)])),
    }));
    const circle = { A: { allOf: [ref("A"), ref("A"), { anyOf: [ref("A"), { type: "null" }] }] } };
    const self = { A: { type: "object", required: ["a", "b"], properties: { a: ref("A"), b: ref("A") } } };
    for (const [schemas, first] of [
      [twice, "S0"],
      [wide, "S0"],
      [circle, "A"],
      [self, "A"],
    ] as [Record<string, unknown>, string][]) {
      const paths = numbered(500, () => ({ post: body(ref(first)) }));
      const document = {
        paths: Object.fromEntries(Object.entries(paths).map(([name, each]) => [`/${name}`, each])),
        components: { schemas },
      };
      expect(timed(() => shown(read(document)))).toBeLessThan(MOST_MS);
    }
  });

  test("of a megabyte, or as deep as one, is read in time", () => {
    const MEGABYTE = 1 << 20;
    const deep = `{"openapi":"3.1.0","paths":{"/":{"post":{"requestBody":{"content":{"application/json":{"schema":`;
    const level = `{"type":"array","items":`;
    const levels = Math.floor((MEGABYTE - 200) / (level.length + 1));
    const nested = `${deep}${level.repeat(levels)}{}${"}".repeat(levels)}}}}}}}}`;
    const texts = [
      nested,
      `${deep}${`{"default":`.repeat(80_000)}1${"}".repeat(80_000)}}}}}}}}`,
      "[".repeat(MEGABYTE),
      JSON.stringify({ openapi: "3.1.0", paths: Object.fromEntries(Array.from({ length: 20_000 }, (_, nth) => [`/${nth}`, { get: {}, post: body({ type: "string" }) }])) }),
      JSON.stringify({ openapi: "3.1.0", paths: { "/": { post: body({ enum: Array.from({ length: 100_000 }, (_, nth) => nth) }) } } }),
      JSON.stringify({ openapi: "3.1.0", paths: { "/": { post: body({ properties: numbered(40_000, () => ({ type: "string" })) }) } } }),
      JSON.stringify({ openapi: "3.1.0", paths: { "/": { get: { parameters: Array.from({ length: 20_000 }, (_, nth) => ({ name: `p${nth}`, in: "query" })) } } } }),
      JSON.stringify({ openapi: "3.1.0", paths: { "/": { get: { summary: "x".repeat(MEGABYTE) } } } }),
      JSON.stringify({ openapi: "3.1.0", paths: { "/": { post: body({ $ref: `#/${"a/".repeat(400_000)}` }) } } }),
    ]; // biome-ignore format: one a line
    for (const text of texts) {
      let found = ownOperations(answered(text));
      const took = timed(() => {
        found = ownOperations(answered(text));
        shown(found);
      });
      expect(took).toBeLessThan(MOST_MS);
      expect(found.operations.length).toBeLessThanOrEqual(500);
      for (const { summary, parts } of found.operations) {
        expect(summary.length).toBeLessThan(200);
        expect(parts.query.length).toBeLessThanOrEqual(100);
      }
    }
  });

  test("cannot reach prototypes", () => {
    const schema = JSON.parse(
      '{"type": "object", "properties": {"__proto__": {"type": "string"}}, "__proto__": {"enum": ["x"]}}',
    );
    const found = read({ paths: { "/": { post: body(schema) } }, components: {} });
    expect(members(found.operations[0]?.body).map(({ name, shape }) => [name, shape.kind])).toEqual([
      ["__proto__", "text"],
    ]);
    expect(
      read({ paths: { "/": { post: body({ $ref: "#/constructor/prototype" }) } } }).operations[0]?.body?.shape,
    ).toEqual({
      kind: "raw",
    });
    expect(({} as Record<string, unknown>).enum).toBeUndefined();
  });
});
