import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { WindowOut } from "@/api";
import { Chart, type ChartProps, type Series } from "@/parts/chart/Chart";
import { bytes } from "@/parts/text";
import { CLASSES } from "../answered";
import { OUTCOMES } from "../logs/words";
import { counted, filled, named, type Step, short } from "./series";

type Drawn = Omit<ChartProps, "x" | "height">;

/** What it answered, how it ended, how long it took and what that cost, over the window. */
export function Charts({ found }: { found: WindowOut }) {
  const { t } = useTranslation();
  const steps = useMemo(() => filled(found.points, found.since, found.until, found.step_minutes), [found]);
  const charts = useMemo(() => [...counts(steps, t), ...measures(steps, t)], [steps, t]);
  if (found.points.length === 0) return <p className="mt-4 text-muted">{t("workers:noCalls")}</p>;
  return (
    <div className="mt-5 grid gap-x-8 gap-y-5 lg:grid-cols-2">
      {charts.map((chart) => (
        <div key={chart.label} className="min-w-0">
          <h3 className="mb-1 font-medium text-muted text-xs">{chart.label}</h3>
          <Chart {...chart} x={{ key: "at", as: "time" }} height={150} />
        </div>
      ))}
    </div>
  );
}

type Translate = ReturnType<typeof useTranslation>["t"];

/** Bad endings have a chart of their own, and only where there are any: beside all the answers they would not be seen. */
function counts(steps: readonly Step[], t: Translate): Drawn[] {
  const [answers, endings] = [named(steps, "statuses"), named(steps, "outcomes")];
  const classes: Series[] = CLASSES.filter(([key]) => answers.has(key)).map(([key, colour]) => ({
    key,
    title: key,
    colour,
  }));
  if (answers.has("none")) classes.push({ key: "none", title: t("workers:noAnswer"), colour: "--faint" });
  const bad = OUTCOMES.filter((each) => each !== "ok" && endings.has(each));
  const drawn = (label: string, series: Series[], of: "statuses" | "outcomes"): Drawn => {
    const keys = series.map(({ key }) => key);
    return {
      kind: "bar",
      isStacked: true,
      label,
      series,
      points: steps.map((s) => ({ at: s.at, ...counted(s, keys, of) })),
    };
  };
  const made = [drawn(t("workers:charts.answers"), classes, "statuses")];
  const titled = bad.map((key) => ({ key, title: t(`workers:outcomes.${key}`) }));
  if (bad.length > 0) made.push(drawn(t("workers:charts.endings"), titled, "outcomes"));
  return made;
}

function measures(steps: readonly Step[], t: Translate): Drawn[] {
  const points = steps.map(({ at, p50, p95, p99, cpu, memory }) => ({ at, p50, p95, p99, cpu, memory }));
  const one = (key: "cpu" | "memory") => ({
    kind: "bar" as const,
    points,
    label: t(`workers:charts.${key}`),
    series: [{ key, title: t(`workers:charts.${key}`) }],
  });
  return [
    {
      kind: "line",
      points,
      label: t("workers:charts.duration"),
      series: ["p50", "p95", "p99"].map((key) => ({ key, title: key })),
      format: short,
    },
    { ...one("cpu"), format: short },
    { ...one("memory"), format: bytes, inBytes: true },
  ];
}
