import { useTranslation } from "react-i18next";
import { Area, Field, Input } from "@/parts/Field";
import type { KeyField } from "./kinds";

interface Props {
  fields: readonly KeyField[];
  given: Readonly<Record<string, string>>;
  onChange: (given: Record<string, string>) => void;
}

export function KeyFields({ fields, given, onChange }: Props) {
  const { t } = useTranslation();
  return fields.map(({ name, secret, optional, long }) => {
    const hint = t(`filekeys:hints.${name}`, { defaultValue: "" });
    return (
      <Field
        key={name}
        label={t(`filekeys:fields.${name}`)}
        hint={hint || undefined}
        aside={optional ? t("shell:optional") : undefined}
      >
        {(control) => {
          const held = {
            ...control,
            required: !optional,
            spellCheck: false,
            value: given[name] ?? "",
            onChange: (event: { target: { value: string } }) => onChange({ ...given, [name]: event.target.value }),
          };
          return long ? (
            <Area {...held} autoComplete="off" className="font-mono text-xs" />
          ) : (
            <Input {...held} type={secret ? "password" : "text"} autoComplete={secret ? "new-password" : "off"} />
          );
        }}
      </Field>
    );
  });
}
