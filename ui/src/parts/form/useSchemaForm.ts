import { zodResolver } from "@hookform/resolvers/zod";
import { useMemo } from "react";
import { type FieldValues, useForm } from "react-hook-form";
import { changedOnly, fieldsOf, type JsonSchema, validatorOf } from "./schema";

/** A form for `schema`; `said` is what to send of what was read. Give the component a key of the schema's name. */
export function useSchemaForm(schema: JsonSchema) {
  const fields = useMemo(() => fieldsOf(schema), [schema]);
  const initial = useMemo(() => Object.fromEntries(fields.map(({ name, initial }) => [name, initial])), [fields]);
  const form = useForm<FieldValues, unknown, Record<string, unknown>>({
    defaultValues: initial,
    mode: "onTouched",
    resolver: zodResolver(validatorOf(fields) as never) as never,
  });
  const said = (values: Record<string, unknown>) => changedOnly(fields, values, form.getValues());
  return { fields, form, said };
}
