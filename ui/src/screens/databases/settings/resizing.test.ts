import { expect, test } from "vitest";
import { fieldsOf } from "@/parts/form/schema";
import { asItIs, lifted } from "./resizing";

const SCHEMA = {
  properties: {
    version: { enum: ["18", "16"], default: "18" },
    memory_mb: { anyOf: [{ type: "integer" }, { type: "null" }], default: null },
    work_mem_mb: { type: "integer", default: 4 },
  },
};

test("the form begins with what the database has, and never offers the version", () => {
  const fields = fieldsOf(asItIs(SCHEMA, { version: "16", memory_mb: 512, work_mem_mb: 8 }));
  expect(fields.map(({ name, initial }) => [name, initial])).toEqual([
    ["memory_mb", "512"],
    ["work_mem_mb", "8"],
  ]);
});

test("a limit that is emptied is lifted, what never had one is left alone", () => {
  const fields = fieldsOf(asItIs(SCHEMA, { memory_mb: 512, work_mem_mb: 8 }));
  expect(lifted(fields, { memory_mb: "", work_mem_mb: "8" })).toEqual({ memory_mb: null });
  expect(lifted(fieldsOf(asItIs(SCHEMA, {})), { memory_mb: "" })).toEqual({});
});
