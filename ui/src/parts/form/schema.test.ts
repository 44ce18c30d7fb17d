import { describe, expect, test } from "vitest";
import { changedOnly, fieldsOf, type JsonSchema, labelOf, validatorOf } from "./schema";

const SCHEMA: JsonSchema = {
  type: "object",
  required: ["name"],
  properties: {
    version: { const: "3", default: "3", type: "string" },
    page_size: { type: "integer", enum: [512, 4096], default: 4096 },
    max_connections: { type: "integer", minimum: 10, maximum: 500, default: 30, description: "Sessions at once." },
    cpus: { anyOf: [{ type: "number", exclusiveMinimum: 0 }, { type: "null" }], default: null },
    name: { type: "string", minLength: 2, pattern: "^[a-z-]+$" },
    strict: { type: "boolean", default: true },
    words: { type: "array", items: { type: "string" }, default: ["a", "b"] },
    extensions: { type: "array", items: { type: "string" }, maxItems: 0, default: [] },
    mode: { $ref: "#/$defs/Mode", default: "fast" },
    odd: { type: "object" },
  },
  $defs: { Mode: { type: "string", enum: ["fast", "safe"] } },
};

const fields = fieldsOf(SCHEMA);
const initial = Object.fromEntries(fields.map((field) => [field.name, field.initial]));
const check = (patch: Record<string, unknown>) => validatorOf(fields).safeParse({ ...initial, name: "ab", ...patch });
const wrong = (patch: Record<string, unknown>) => {
  const found = check(patch);
  return found.success ? null : found.error.issues[0]?.message;
};

describe("controls", () => {
  test("are what there is to choose, in the schema's order", () => {
    expect(fields.map(({ name, kind }) => `${name}:${kind}`)).toEqual([
      "page_size:choice",
      "max_connections:integer",
      "cpus:number",
      "name:text",
      "strict:boolean",
      "words:words",
      "mode:choice",
    ]);
  });

  test("begin with the defaults, and say what may be left out", () => {
    expect(initial).toMatchObject({ page_size: "4096", cpus: "", strict: true, words: "a, b", mode: "fast" });
    expect(fields.filter(({ optional }) => !optional).map(({ name }) => name)).toEqual(["name"]);
  });

  test("are named for people", () => {
    expect(labelOf("shared_buffers_mb")).toBe("Shared buffers (MB)");
    expect(labelOf("max_wal_size_mb")).toBe("Max WAL size (MB)");
    expect(labelOf("cpus")).toBe("CPUs");
  });
});

describe("what is typed", () => {
  test("becomes values of the schema's types", () => {
    const found = check({ page_size: "512", max_connections: " 40 ", cpus: "1,5", words: "x, ,y" });
    expect(found.data).toMatchObject({ page_size: 512, max_connections: 40, cpus: 1.5, words: ["x", "y"] });
  });

  test("is refused with the bound it breaks", () => {
    expect(wrong({ max_connections: "9" })).toBe("min:10");
    expect(wrong({ max_connections: "501" })).toBe("max:500");
    expect(wrong({ max_connections: "10.5" })).toBe("whole");
    expect(wrong({ max_connections: "many" })).toBe("number");
    expect(wrong({ cpus: "0" })).toBe("above:0");
    expect(wrong({ name: "" })).toBe("required");
    expect(wrong({ name: "a" })).toBe("short:2");
    expect(wrong({ name: "A b" })).toBe("pattern");
    expect(wrong({ page_size: "513" })).toBe("choose");
    expect(wrong({})).toBeNull();
  });

  test("is sent only where it was changed", () => {
    const typed = { ...initial, name: "ab", max_connections: "40", cpus: "" };
    const values = validatorOf(fields).parse(typed);
    expect(changedOnly(fields, values, typed)).toEqual({ name: "ab", max_connections: 40 });
  });
});
