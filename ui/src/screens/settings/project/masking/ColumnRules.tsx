import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Field, Input, Select } from "@/parts/Field";
import { type ColumnRule, statementOf, WAYS } from "./columns";

const FRESH: ColumnRule = { table: "", column: "", way: "empty", text: "" };

/** A rule for one column, written as its statement, which can then be changed as any other. */
export function ColumnRules({ onAdd }: { onAdd: (statement: string) => void }) {
  const { t } = useTranslation();
  const [rule, setRule] = useState(FRESH);
  const set = (patch: Partial<ColumnRule>) => setRule((before) => ({ ...before, ...patch }));
  const whole = rule.table.trim() !== "" && rule.column.trim() !== "";
  return (
    <fieldset className="rounded-lg bg-sunken p-3">
      <legend className="sr-only">{t("masking:column")}</legend>
      <p className="mb-2 font-medium text-xs">{t("masking:column")}</p>
      <div className="grid grid-cols-2 items-end gap-2">
        <Field label={t("masking:table")}>
          {(given) => (
            <Input
              {...given}
              autoComplete="off"
              spellCheck={false}
              value={rule.table}
              onChange={(event) => set({ table: event.target.value })}
            />
          )}
        </Field>
        <Field label={t("masking:columnName")}>
          {(given) => (
            <Input
              {...given}
              autoComplete="off"
              spellCheck={false}
              value={rule.column}
              onChange={(event) => set({ column: event.target.value })}
            />
          )}
        </Field>
        <Field label={t("masking:becomes")}>
          {(given) => (
            <Select
              {...given}
              value={rule.way}
              onChange={(event) => set({ way: event.target.value as ColumnRule["way"] })}
            >
              {WAYS.map((each) => (
                <option key={each} value={each}>
                  {t(`masking:ways.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {rule.way === "fixed" && (
          <Field label={t("masking:text")}>
            {(given) => <Input {...given} value={rule.text} onChange={(event) => set({ text: event.target.value })} />}
          </Field>
        )}
      </div>
      <div className="mt-2">
        <Button
          size="small"
          disabled={!whole}
          onClick={() => {
            onAdd(statementOf({ ...rule, table: rule.table.trim(), column: rule.column.trim() }));
            set({ column: "", text: "" });
          }}
        >
          {t("masking:addColumn")}
        </Button>
      </div>
    </fieldset>
  );
}
