import { useTranslation } from "react-i18next";
import { Area, Field, Input, Select } from "@/parts/Field";
import { KINDS, type Kind, type StoreField } from "./stores";

interface FieldsProps {
  fields: readonly StoreField[];
  given: Readonly<Record<string, string>>;
  onChange: (given: Record<string, string>) => void;
  wrong?: Readonly<Record<string, string>>;
}

/** What a kind of store is asked for: secrets hidden, key files in several lines. */
export function StoreFields({ fields, given, onChange, wrong = {} }: FieldsProps) {
  const { t } = useTranslation();
  return fields.map((field) => {
    const held = {
      required: !field.optional,
      spellCheck: false,
      autoComplete: "off",
      value: given[field.name] ?? "",
      onChange: (event: { target: { value: string } }) => onChange({ ...given, [field.name]: event.target.value }),
    };
    return (
      <Field
        key={field.name}
        label={t(`repositories:fields.${field.name}`)}
        error={wrong[field.name]}
        aside={field.optional ? t("shell:optional") : undefined}
      >
        {(control) =>
          field.long ? (
            <Area {...control} {...held} className="font-mono text-xs" />
          ) : (
            <Input
              {...control}
              {...held}
              type={field.secret ? "password" : "text"}
              autoComplete={field.secret ? "new-password" : "off"}
              inputMode={field.number ? "numeric" : undefined}
            />
          )
        }
      </Field>
    );
  });
}

export function KindField({ kind, onChange }: { kind: Kind; onChange: (kind: Kind) => void }) {
  const { t } = useTranslation();
  return (
    <Field label={t("repositories:kind")}>
      {(control) => (
        <Select {...control} value={kind} onChange={(event) => onChange(event.target.value as Kind)}>
          {KINDS.map((each) => (
            <option key={each} value={each}>
              {t(`repositories:kinds.${each}`)}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
