import { useTranslation } from "react-i18next";
import { Field, Input } from "@/parts/Field";

/** A key's name as it is typed; what its escapes mean is `typedName`'s to read. */
export function KeyNameField({ value, onChange }: { value: string; onChange: (name: string) => void }) {
  const { t } = useTranslation();
  return (
    <Field label={t("keys:name")} hint={t("keys:nameHint")}>
      {(given) => (
        <Input
          {...given}
          autoFocus
          required
          spellCheck={false}
          className="font-mono"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
