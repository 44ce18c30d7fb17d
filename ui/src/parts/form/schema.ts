import { z } from "zod";

/** The part of JSON Schema (2020-12) that engines describe their options with. */
export interface JsonSchema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  pattern?: string;
  format?: string;
  writeOnly?: boolean;
}

export type Kind = "text" | "secret" | "number" | "integer" | "boolean" | "choice" | "words";

/** One control. What it holds while it is edited is text, but for `boolean`. */
export interface FormField {
  name: string;
  label: string;
  hint: string;
  kind: Kind;
  optional: boolean;
  options: unknown[];
  initial: string | boolean;
  schema: JsonSchema;
}

const UNITS: Record<string, string> = {
  mb: "MB",
  kb: "KB",
  gb: "GB",
  ms: "ms",
  wal: "WAL",
  cpus: "CPUs",
  url: "URL",
  ttl: "TTL",
};

/** `shared_buffers_mb` -> "Shared buffers (MB)": pydantic's titles shout at every word. */
export function labelOf(name: string): string {
  const words = name.split("_").map((word) => UNITS[word] ?? word);
  const unit = words.length > 1 && /_(mb|kb|gb|ms)$/.test(name) ? words.pop() : undefined;
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1) + (unit ? ` (${unit})` : "");
}

/** What stands behind `$ref` and `anyOf: [..., null]`. */
function plain(schema: JsonSchema, root: JsonSchema): [JsonSchema, boolean] {
  if (schema.$ref) {
    const found = root.$defs?.[schema.$ref.split("/").at(-1) ?? ""];
    return found ? plain({ ...found, ...schema, $ref: undefined }, root) : [schema, false];
  }
  const some = schema.anyOf?.filter(({ type }) => type !== "null");
  if (some?.length !== 1 || !some[0]) return [schema, false];
  const [inner] = plain(some[0], root);
  return [{ ...schema, ...inner, anyOf: undefined }, some.length < (schema.anyOf?.length ?? 0)];
}

function kindOf(schema: JsonSchema): Kind | null {
  if (schema.enum || schema.const !== undefined) return "choice";
  if (schema.type === "string") return schema.writeOnly || schema.format === "password" ? "secret" : "text";
  if (schema.type === "array") return schema.items?.type === "string" ? "words" : null;
  if (schema.type === "number" || schema.type === "integer" || schema.type === "boolean") return schema.type;
  return null;
}

/**
 * The controls of a schema, in its order. Left out are those with nothing to choose (one value, no items allowed) and
 * what this form has no control for; neither is sent, so that the server's default holds.
 */
export function fieldsOf(root: JsonSchema): FormField[] {
  return Object.entries(root.properties ?? {}).flatMap(([name, given]) => {
    const [schema, nullable] = plain(given, root);
    const kind = kindOf(schema);
    const options = schema.enum ?? (schema.const !== undefined ? [schema.const] : []);
    if (!kind || (kind === "choice" && options.length < 2) || schema.maxItems === 0) return [];
    const preset = schema.default ?? null;
    return {
      name,
      label: labelOf(name),
      hint: schema.description ?? "",
      kind,
      optional: nullable || !root.required?.includes(name),
      options,
      initial: kind === "boolean" ? preset === true : Array.isArray(preset) ? preset.join(", ") : String(preset ?? ""),
      schema,
    };
  });
}

/** What a field's text means, as zod reads it; "" is undefined where nothing need be said. */
function reader(field: FormField): z.ZodType {
  const { kind, schema, options } = field;
  if (kind === "boolean") return z.boolean();
  if (kind === "choice") {
    return z.string().transform((text, context) => {
      const found = options.find((option) => String(option) === text);
      if (found === undefined) context.addIssue({ code: "custom", message: "choose" });
      return found;
    });
  }
  if (kind === "words")
    return z.string().transform((text) =>
      text
        .split(",")
        .map((word) => word.trim())
        .filter(Boolean),
    );
  if (kind === "number" || kind === "integer") {
    let number = z.number({ error: "number" });
    if (kind === "integer") number = number.int({ error: "whole" });
    if (schema.minimum !== undefined) number = number.min(schema.minimum, { error: `min:${schema.minimum}` });
    if (schema.maximum !== undefined) number = number.max(schema.maximum, { error: `max:${schema.maximum}` });
    if (schema.exclusiveMinimum !== undefined)
      number = number.gt(schema.exclusiveMinimum, { error: `above:${schema.exclusiveMinimum}` });
    if (schema.exclusiveMaximum !== undefined)
      number = number.lt(schema.exclusiveMaximum, { error: `below:${schema.exclusiveMaximum}` });
    return z
      .string()
      .transform((text) => Number(text.replace(",", ".")))
      .pipe(number);
  }
  let text = z.string();
  if (schema.minLength) text = text.min(schema.minLength, { error: `short:${schema.minLength}` });
  if (schema.maxLength) text = text.max(schema.maxLength, { error: `long:${schema.maxLength}` });
  if (schema.pattern) text = text.regex(new RegExp(schema.pattern, "u"), { error: "pattern" });
  return text;
}

/** Messages are `word:number`, said in the person's language by the form. */
export function validatorOf(fields: readonly FormField[]): z.ZodType<Record<string, unknown>> {
  const shape = fields.map((field) => {
    const read = reader(field);
    if (field.kind === "boolean") return [field.name, read] as const;
    const empty = field.optional
      ? z.literal("").transform(() => undefined)
      : z.literal("").refine(() => false, { error: "required" });
    return [
      field.name,
      z.string().transform((text, context) => {
        const found = (text.trim() === "" ? empty : read).safeParse(text.trim());
        if (found.success) return found.data;
        context.addIssue({ code: "custom", message: found.error.issues[0]?.message ?? "pattern" });
        return z.NEVER;
      }),
    ] as const;
  });
  return z.object(Object.fromEntries(shape)) as unknown as z.ZodType<Record<string, unknown>>;
}

/** Only what was changed: what is left alone stays the server's to decide. */
export function changedOnly(
  fields: readonly FormField[],
  values: Record<string, unknown>,
  typed: Record<string, unknown>,
): Record<string, unknown> {
  const said = fields.filter(({ name, initial }) => typed[name] !== initial && values[name] !== undefined);
  return Object.fromEntries(said.map(({ name }) => [name, values[name]]));
}
