import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { language } from "@/shell/words";
import { rhythmOf } from "./cron";

type Rules = { [key: string]: unknown };

const list = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);

/** Schedules and selections as sentences. */
export function useWords() {
  const { t } = useTranslation();
  const rhythm = useCallback(
    (schedule: Rules): string => {
      const found = rhythmOf(String(schedule.cron ?? schedule.preset ?? ""));
      const time = `${String(found.hour).padStart(2, "0")}:${String(found.minute).padStart(2, "0")}`;
      const format = new Intl.DateTimeFormat(language(), { weekday: "short", timeZone: "UTC" });
      const days = found.days.map((day) => format.format(Date.UTC(2026, 10, 22 + day))).join(", ");
      const said = t(`plans:said.${found.every}`, {
        time,
        days,
        date: found.date,
        minute: found.minute,
        line: found.line,
      });
      return found.every === "hour" ? said : `${said} ${String(schedule.tz ?? "UTC")}`;
    },
    [t],
  );
  const selected = useCallback(
    (selection: Rules): string => {
      if (selection.all) return t("plans:selections.all");
      const count = list(selection.resources).length;
      return [
        ...list(selection.labels),
        ...list(selection.names),
        ...(count ? [t("plans:chosen", { count })] : []),
      ].join(", ");
    },
    [t],
  );
  return { rhythm, selected };
}
