import type { FormField, JsonSchema } from "@/parts/form/schema";

/** The engine's form with what the database has as what it begins with. Its version is moved by an upgrade only. */
export function asItIs(schema: JsonSchema, spec: Readonly<Record<string, unknown>>): JsonSchema {
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => name !== "version");
  const filled = properties.map(([name, given]) => [name, { ...given, default: spec[name] ?? null }]);
  const required = schema.required?.filter((name) => name !== "version");
  return { ...schema, properties: Object.fromEntries(filled), ...(required && { required }) };
}

/** What was emptied is lifted: null, where the form would leave it out. */
export function lifted(fields: readonly FormField[], typed: Readonly<Record<string, unknown>>): Record<string, null> {
  const some = fields.filter(({ name, initial, optional }) => optional && initial !== "" && typed[name] === "");
  return Object.fromEntries(some.map(({ name }) => [name, null]));
}
