import { useTranslation } from "react-i18next";
import { Field, Input, Select } from "@/parts/Field";
import type { TabProps } from "../tabs";
import { AMOUNTS, meant, typed } from "./amounts";
import { WorkerForm } from "./WorkerForm";

const WAYS = ["off", "log", "refuse"] as const;

/** What one process of it may use, and how many are kept. A change starts what runs anew. */
export function Limits({ worker }: TabProps) {
  const { t } = useTranslation();
  return (
    <WorkerForm
      worker={worker}
      title={t("workers:parts.limits")}
      lead={t("workers:limitsLead")}
      begin={({ settings }) => ({
        ...Object.fromEntries(AMOUNTS.map((each) => [each.key, typed(each, settings.limits?.[each.key])])),
        warm: String(settings.warm ?? 0),
        idle: String(settings.idle_seconds ?? 300),
        answers: settings.answers ?? "log",
      })}
      end={(draft: Record<string, string>, { settings }) => ({
        settings: {
          ...settings,
          limits: Object.fromEntries(AMOUNTS.map((each) => [each.key, meant(each, draft[each.key] ?? "")])),
          warm: Number(draft.warm),
          idle_seconds: Number(draft.idle),
          answers: WAYS.find((each) => each === draft.answers) ?? "log",
        },
      })}
    >
      {(draft, set, wrong) => (
        <div className="grid gap-x-6 gap-y-4 sm:grid-cols-2">
          {AMOUNTS.map(({ key, unit, low, high, step, spare }) => (
            <Amount
              key={key}
              label={t(`workers:limits.${key}`)}
              hint={t(`workers:limitHints.${key}`)}
              unit={unit}
              low={low}
              high={high}
              step={step}
              required={!spare}
              value={draft[key] ?? ""}
              error={wrong[`settings.limits.${key}`]}
              onChange={(text) => set({ [key]: text })}
            />
          ))}
          <Amount
            label={t("workers:limits.warm")}
            hint={t("workers:limitHints.warm")}
            unit=""
            low={0}
            high={16}
            step={1}
            required
            value={draft.warm ?? ""}
            error={wrong["settings.warm"]}
            onChange={(warm) => set({ warm })}
          />
          <Amount
            label={t("workers:limits.idle")}
            hint={t("workers:limitHints.idle")}
            unit="s"
            low={1}
            high={86_400}
            step={1}
            required
            value={draft.idle ?? ""}
            error={wrong["settings.idle_seconds"]}
            onChange={(idle) => set({ idle })}
          />
          <Field label={t("workers:unlike")} hint={t("workers:unlikeHint")} error={wrong["settings.answers"] ?? null}>
            {(given) => (
              <Select {...given} value={draft.answers} onChange={(event) => set({ answers: event.target.value })}>
                {WAYS.map((each) => (
                  <option key={each} value={each}>
                    {t(`workers:unlikeWays.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
      )}
    </WorkerForm>
  );
}

interface AmountProps {
  label: string;
  hint: string;
  unit: string;
  low: number;
  high: number;
  step: number;
  required: boolean;
  value: string;
  error: string | undefined;
  onChange: (text: string) => void;
}

function Amount({ label, hint, unit, low, high, step, required, value, error, onChange }: AmountProps) {
  return (
    <Field label={label} hint={hint} aside={unit} error={error ?? null}>
      {(given) => (
        <Input
          {...given}
          type="number"
          inputMode="decimal"
          min={low}
          max={high}
          step={step < 1 ? "any" : step}
          required={required}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
