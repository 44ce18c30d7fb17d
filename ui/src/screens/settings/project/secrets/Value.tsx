import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Area, Field } from "@/parts/Field";

interface Props {
  label: string;
  value: string;
  error?: string | undefined;
  onChange: (value: string) => void;
}

/** A secret that is typed or pasted, of several lines too; covered until one looks. */
export function ValueField({ label, value, error, onChange }: Props) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(false);
  return (
    <Field
      label={label}
      error={error}
      aside={
        <Button
          look="quiet"
          size="small"
          icon={shown ? <EyeOff /> : <Eye />}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
        >
          {t(shown ? "secrets:cover" : "secrets:look")}
        </Button>
      }
    >
      {(given) => (
        <Area
          {...given}
          required
          spellCheck={false}
          autoComplete="off"
          maxLength={65_536}
          className={cx("font-mono text-xs", !shown && "[-webkit-text-security:disc]")}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
