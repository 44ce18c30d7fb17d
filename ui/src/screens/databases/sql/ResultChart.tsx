import { ChartColumn } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Chart } from "@/parts/chart/Chart";
import { Select } from "@/parts/Field";
import { CheckItem, Menu } from "@/parts/Menu";
import { Segments } from "@/parts/Setting";
import { Empty } from "@/parts/small";
import { count } from "@/parts/text";
import { kindOf, MOST_POINTS, type Picture, pointsOf, suggested } from "./chart";
import type { Result } from "./stream";

const KINDS = ["line", "area", "bar"] as const;

/** A result drawn: begins with what shows most, and is changed from there. */
export function ResultChart({ result }: { result: Result }) {
  const { t } = useTranslation();
  const held = useMemo(
    () => ({ columns: result.columns, rows: result.rows.slice(0, MOST_POINTS) }),
    [result.columns, result.rows],
  );
  const first = useMemo(() => suggested(held), [held]);
  const [chosen, setChosen] = useState<Picture | null>(null);
  const picture = chosen ?? first;
  const points = useMemo(() => (picture ? pointsOf(held, picture, kindOf(held, picture.x)) : []), [held, picture]);
  if (!picture || !first) return <Empty dull icon={<ChartColumn />} title={t("sql:noFigures")} />;
  const change = (patch: Partial<Picture>) => setChosen({ ...picture, ...patch });
  const name = (at: number) => result.columns[at]?.name ?? "";
  const figures = result.columns.flatMap((_, at) => (kindOf(held, at) === "number" ? [at] : []));
  const as = kindOf(held, picture.x);
  return (
    <div className="flex h-full min-h-0 flex-col gap-2 overflow-auto p-3">
      <div className="flex flex-wrap items-center gap-2">
        <Segments
          label={t("sql:chartKind")}
          value={picture.kind}
          options={KINDS.map((value) => ({ value, label: t(`sql:kinds.${value}`) }))}
          onChange={(value) => change({ kind: value as Picture["kind"] })}
        />
        <Select
          aria-label={t("sql:chartX")}
          className="w-auto! max-w-48"
          value={picture.x}
          onChange={(event) => change({ x: Number(event.target.value) })}
        >
          {result.columns.map((column, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have one name
            <option key={at} value={at}>
              {t("sql:chartBy", { name: column.name })}
            </option>
          ))}
        </Select>
        <Menu trigger={<Button>{t("sql:chartSeries", { count: picture.series.length })}</Button>}>
          {figures.map((at) => (
            <CheckItem
              key={at}
              checked={picture.series.includes(at)}
              disabled={picture.series.length === 1 && picture.series[0] === at}
              onChange={(wanted) =>
                change({ series: figures.filter((each) => (each === at ? wanted : picture.series.includes(each))) })
              }
            >
              {name(at)}
            </CheckItem>
          ))}
        </Menu>
        {result.count > MOST_POINTS && (
          <span className="text-muted text-xs">{t("sql:chartFirst", { rows: count(MOST_POINTS) })}</span>
        )}
      </div>
      <Chart
        kind={picture.kind}
        points={points}
        x={{ key: "x", as }}
        series={picture.series.map((at) => ({ key: `y${at}`, title: name(at) }))}
        label={t("sql:chartLabel", { series: picture.series.map(name).join(", "), x: name(picture.x) })}
        height={260}
      />
    </div>
  );
}
