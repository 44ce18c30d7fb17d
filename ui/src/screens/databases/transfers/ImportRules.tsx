import { useTranslation } from "react-i18next";
import { Field, Input, Select } from "@/parts/Field";
import type { Plan } from "./plan";

const CONFLICTS = ["fail", "skip", "update"] as const;
const MOST_BAD = 100_000;

interface Props {
  plan: Plan;
  /** The table is made: nothing can be there already. */
  fresh: boolean;
  onChange: (plan: Plan) => void;
}

/** What becomes of rows that cannot go in, and of those that are there already. */
export function ImportRules({ plan, fresh, onChange }: Props) {
  const { t } = useTranslation();
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Field label={t("transfers:badRows")} hint={t(plan.errors ? "transfers:badSome" : "transfers:badNone")}>
        {(given) => (
          <div className="flex gap-2">
            <Select
              {...given}
              value={plan.errors ? "some" : "none"}
              onChange={(event) => onChange({ ...plan, errors: event.target.value === "some" ? 100 : 0 })}
            >
              <option value="none">{t("transfers:allOrNothing")}</option>
              <option value="some">{t("transfers:leaveOut")}</option>
            </Select>
            {plan.errors > 0 && (
              <Input
                aria-label={t("transfers:mostBad")}
                type="number"
                min={1}
                max={MOST_BAD}
                className="w-24"
                value={plan.errors}
                onChange={(event) => onChange({ ...plan, errors: Math.max(1, Number(event.target.value)) })}
              />
            )}
          </div>
        )}
      </Field>
      {!fresh && (
        <Field label={t("transfers:conflict")} hint={t("transfers:conflictHint")}>
          {(given) => (
            <Select
              {...given}
              value={plan.conflict}
              onChange={(event) => onChange({ ...plan, conflict: event.target.value as Plan["conflict"] })}
            >
              {CONFLICTS.map((each) => (
                <option key={each} value={each}>
                  {t(`transfers:conflicts.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
    </div>
  );
}
