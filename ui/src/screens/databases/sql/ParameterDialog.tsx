import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { Field, Input } from "@/parts/Field";

interface Props {
  names: readonly string[];
  onRun: (values: Record<string, Value>) => void;
  onClose: () => void;
}
/** Until the page is closed: what is asked with may be secret and is not written down. */
let last: Record<string, string> = {};

type Value = string | number | null;

/** Whole numbers that stay exact are numbers; 'quoted' is text whatever it looks like; left empty is NULL. */
export function readTyped(typed: string): Value {
  if (typed === "") return null;
  if (/^'.*'$/s.test(typed)) return typed.slice(1, -1).replaceAll("''", "'");
  const number = Number(typed);
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(typed) && (Number.isSafeInteger(number) || typed.includes("."))
    ? number
    : typed;
}

export function ParameterDialog({ names, onRun, onClose }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState<Record<string, string>>(last);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={t("sql:parameters")} lead={t("sql:parametersLead")}>
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          last = typed;
          onRun(Object.fromEntries(names.map((name) => [name, readTyped(typed[name] ?? "")])));
        }}
      >
        {names.map((name, at) => (
          <Field key={name} label={`:${name}`}>
            {(given) => (
              <Input
                {...given}
                autoFocus={at === 0}
                autoComplete="off"
                spellCheck={false}
                className="font-mono"
                placeholder="NULL"
                value={typed[name] ?? ""}
                onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
              />
            )}
          </Field>
        ))}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit">
            {t("sql:run")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
