import { ListFilter } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { Field, Input, Select } from "@/parts/Field";
import { OPERATORS, type Operator, type Where } from "./edits";

export function FilterForm({ columns, onAdd }: { columns: readonly string[]; onAdd: (where: Where) => void }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [where, setWhere] = useState<Where>({ column: columns[0] ?? "", op: "eq", value: "" });
  return (
    <>
      <Button look="quiet" icon={<ListFilter />} onClick={() => setOpen(true)}>
        {t("tables:filter")}
      </Button>
      <Dialog open={open} onOpenChange={setOpen} title={t("tables:filter")}>
        <form
          className="grid gap-3"
          onSubmit={(event) => {
            event.preventDefault();
            onAdd(where);
            setOpen(false);
          }}
        >
          <Field label={t("tables:head.name")}>
            {(given) => (
              <Select
                {...given}
                value={where.column}
                onChange={(event) => setWhere({ ...where, column: event.target.value })}
              >
                {columns.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </Select>
            )}
          </Field>
          <Field label={t("tables:operator")}>
            {(given) => (
              <Select
                {...given}
                value={where.op}
                onChange={(event) => setWhere({ ...where, op: event.target.value as Operator })}
              >
                {OPERATORS.map((each) => (
                  <option key={each} value={each}>
                    {t(`tables:ops.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          {where.op !== "null" && (
            <Field label={t("tables:value")}>
              {(given) => (
                <Input
                  {...given}
                  autoFocus
                  value={where.value}
                  onChange={(event) => setWhere({ ...where, value: event.target.value })}
                />
              )}
            </Field>
          )}
          <div className="flex justify-end">
            <Button look="primary" type="submit">
              {t("tables:addFilter")}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  );
}
