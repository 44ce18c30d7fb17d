import type { FieldValues, UseFormReturn } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { Field, Input, Select } from "@/parts/Field";
import type { FormField } from "./schema";

interface Props {
  fields: readonly FormField[];
  form: UseFormReturn<FieldValues, unknown, Record<string, unknown>>;
  /** What the server said about one of them, by name. */
  refused?: Record<string, string>;
}

/** Controls for a JSON Schema: a new engine's options appear without a line written here. */
export function SchemaFields({ fields, form, refused = {} }: Props) {
  const { t } = useTranslation();
  const said = (word: string | undefined) => {
    if (!word) return undefined;
    const [what, bound] = word.split(":");
    return t(`shell:wrong.${what}`, { bound, count: Number(bound ?? 0), defaultValue: word });
  };
  return (
    <>
      {fields.map((field) => {
        const error = said(form.formState.errors[field.name]?.message as string | undefined) ?? refused[field.name];
        if (field.kind === "boolean")
          return (
            <label key={field.name} className="flex items-start gap-2">
              <input type="checkbox" className="mt-0.5 size-4 accent-accent" {...form.register(field.name)} />
              <span>
                <span className="block font-medium text-xs">{field.label}</span>
                <span className="text-muted text-xs">{field.hint}</span>
              </span>
            </label>
          );
        return (
          <Field
            key={field.name}
            label={field.label}
            hint={field.hint}
            error={error}
            aside={field.optional && field.initial === "" ? t("shell:optional") : undefined}
          >
            {(given) =>
              field.kind === "choice" ? (
                <Select {...given} {...form.register(field.name)}>
                  {field.optional && field.initial === "" && <option value="">–</option>}
                  {field.options.map((option) => (
                    <option key={String(option)} value={String(option)}>
                      {String(option)}
                    </option>
                  ))}
                </Select>
              ) : (
                <Input
                  {...given}
                  {...form.register(field.name)}
                  type={field.kind === "secret" ? "password" : "text"}
                  inputMode={field.kind === "integer" ? "numeric" : field.kind === "number" ? "decimal" : undefined}
                  autoComplete="off"
                />
              )
            }
          </Field>
        );
      })}
    </>
  );
}
