import { Trash2 } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Field, Input, Select } from "@/parts/Field";
import { moment } from "@/parts/text";
import { language } from "@/shell/words";
import { type Every, lineOf, type Rhythm, upcoming } from "./cron";

export interface Schedule extends Rhythm {
  key: string;
  tz: string;
}

const EVERY: readonly Every[] = ["hour", "day", "week", "month", "own"];
const SHOWN = 3;
const two = (number: number) => String(number).padStart(2, "0");

/** One schedule as controls, and the next moments it means. */
export function ScheduleEditor({ value, onChange, onRemove }: Props) {
  const { t } = useTranslation();
  const line = lineOf(value);
  const next = useMemo(() => upcoming(line, value.tz, SHOWN), [line, value.tz]);
  const set = (patch: Partial<Schedule>) => onChange({ ...value, ...patch });
  return (
    <div className="grid gap-3 border-t pt-3 first:border-t-0 first:pt-0">
      <div className="grid grid-cols-[1fr_auto] items-end gap-2">
        <Field label={t("plans:every")}>
          {(given) => (
            <Select
              {...given}
              value={value.every}
              onChange={(event) => set({ every: event.target.value as Every, line })}
            >
              {EVERY.map((each) => (
                <option key={each} value={each}>
                  {t(`plans:rhythms.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {onRemove && (
          <Button
            size="icon"
            look="quiet"
            aria-label={t("plans:removeSchedule")}
            icon={<Trash2 />}
            onClick={onRemove}
          />
        )}
      </div>
      {value.every === "week" && <Weekdays value={value.days} onChange={(days) => set({ days })} />}
      <div className="grid grid-cols-2 gap-2">
        {value.every === "month" && (
          <Field label={t("plans:date")}>
            {(given) => (
              <NumberBox {...given} low={1} high={31} value={value.date} onChange={(date) => set({ date })} />
            )}
          </Field>
        )}
        {value.every === "hour" && (
          <Field label={t("plans:minute")}>
            {(given) => (
              <NumberBox {...given} low={0} high={59} value={value.minute} onChange={(minute) => set({ minute })} />
            )}
          </Field>
        )}
        {value.every !== "hour" && value.every !== "own" && (
          <Field label={t("plans:at")}>
            {(given) => (
              <Input
                {...given}
                type="time"
                required
                value={`${two(value.hour)}:${two(value.minute)}`}
                onChange={(event) => {
                  const [hour = Number.NaN, minute = Number.NaN] = event.target.value.split(":").map(Number);
                  if (Number.isFinite(hour + minute)) set({ hour, minute });
                }}
              />
            )}
          </Field>
        )}
        {value.every === "own" && (
          <Field label={t("plans:line")} hint={t("plans:lineHint")}>
            {(given) => (
              <Input
                {...given}
                required
                spellCheck={false}
                autoComplete="off"
                className="font-mono"
                value={value.line}
                onChange={(event) => set({ line: event.target.value })}
              />
            )}
          </Field>
        )}
        <Field label={t("plans:tz")}>
          {(given) => (
            <Input
              {...given}
              required
              list="zones"
              spellCheck={false}
              autoComplete="off"
              value={value.tz}
              onChange={(event) => set({ tz: event.target.value })}
            />
          )}
        </Field>
      </div>
      <p className="text-muted text-xs" aria-live="polite">
        {next.length > 0
          ? t("plans:nextRuns", { list: next.map((at) => moment(at.toISOString())).join(" · ") })
          : t("plans:neverRuns")}
      </p>
    </div>
  );
}
interface Props {
  value: Schedule;
  onChange: (next: Schedule) => void;
  onRemove?: () => void;
}

function Weekdays({ value, onChange }: { value: readonly number[]; onChange: (days: number[]) => void }) {
  const { t } = useTranslation();
  const names = useMemo(() => {
    const format = new Intl.DateTimeFormat(language(), { weekday: "short", timeZone: "UTC" });
    return [1, 2, 3, 4, 5, 6, 0].map((day) => [day, format.format(Date.UTC(2026, 10, 22 + day))] as const);
  }, []);
  return (
    <fieldset className="flex flex-wrap gap-1">
      <legend className="mb-1 font-medium text-xs">{t("plans:on")}</legend>
      {names.map(([day, name]) => (
        <label
          key={day}
          className={cx(
            "grid h-8 min-w-10 place-items-center rounded-md border px-1.5 text-xs has-focus-visible:outline-2 has-focus-visible:outline-accent pointer-coarse:h-10",
            value.includes(day)
              ? "border-accent bg-accent-soft text-accent-text"
              : "border-strong-line/60 hover:bg-hover",
          )}
        >
          <input
            type="checkbox"
            className="sr-only"
            checked={value.includes(day)}
            onChange={(event) =>
              onChange(event.target.checked ? [...value, day] : value.filter((each) => each !== day))
            }
          />
          {name}
        </label>
      ))}
    </fieldset>
  );
}

interface NumberProps {
  id: string;
  low: number;
  high: number;
  value: number;
  onChange: (value: number) => void;
}

function NumberBox({ low, high, value, onChange, ...given }: NumberProps) {
  return (
    <Input
      {...given}
      type="number"
      required
      min={low}
      max={high}
      value={Number.isFinite(value) ? value : ""}
      onChange={(event) => onChange(event.target.valueAsNumber)}
    />
  );
}
