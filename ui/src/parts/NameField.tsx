import { useTranslation } from "react-i18next";
import type { EnvironmentOut } from "@/api";
import { Field, Input, Select } from "./Field";

interface NameProps {
  label: string;
  hint?: string;
  error?: string | null | undefined;
  value: string;
  onChange: (name: string) => void;
}

/** What something new is called: at most 63, as every name of ours. It has the focus first. */
export function NameField({ label, hint, error, value, onChange }: NameProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(given) => (
        <Input
          {...given}
          required
          autoFocus
          autoComplete="off"
          spellCheck={false}
          maxLength={63}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

interface EnvironmentProps {
  environments: readonly EnvironmentOut[];
  /** An id; "" is all of the project's. */
  value: string;
  onChange: (id: string) => void;
  hint?: string;
}

/** One environment of the project, or all. */
export function EnvironmentField({ environments, value, onChange, hint }: EnvironmentProps) {
  const { t } = useTranslation();
  return (
    <Field label={t("shell:environment")} hint={hint}>
      {(given) => (
        <Select {...given} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">{t("shell:allEnvironments")}</option>
          {environments.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
