import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, type SnapshotOut, statementList } from "@/api";
import { Chart } from "@/parts/chart/Chart";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Segments } from "@/parts/Setting";
import { Skeleton } from "@/parts/small";
import { bytes, count } from "@/parts/text";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";

/** Its size as its snapshots saw it, or how long its last statements took. Two points at least make a line. */
export function Growth({ database, snapshots }: { database: DatabaseOut; snapshots: readonly SnapshotOut[] }) {
  const { t } = useTranslation();
  const can = useCan();
  const sizes = snapshots.filter((each) => each.taken_at && each.source_bytes !== null).reverse();
  const hasSizes = sizes.length > 1;
  const times = can("database.statements.read") && database.state !== "deleted";
  const [shown, setShown] = useState("size");
  if (!hasSizes && !times) return null;
  const options = ["size", ...(times ? ["statements"] : [])];
  return (
    <Section
      title={t("databases:growth")}
      aside={
        <Segments
          label={t("databases:growth")}
          value={shown}
          options={options.map((value) => ({ value, label: t(`databases:charts.${value}`) }))}
          onChange={setShown}
        />
      }
    >
      {shown === "size" && hasSizes && (
        <Chart
          kind="area"
          label={t("databases:charts.size")}
          height={180}
          x={{ key: "at", as: "time" }}
          series={[
            { key: "source", title: t("databases:size") },
            { key: "stored", title: t("databases:stored") },
          ]}
          points={sizes.map((each) => ({ at: each.taken_at, source: each.source_bytes, stored: each.stored_bytes }))}
          inBytes
          format={bytes}
        />
      )}
      {shown === "statements" && <Durations id={database.id} />}
      {shown === "size" && !hasSizes && <p className="text-muted">{t("databases:noGrowth")}</p>}
    </Section>
  );
}

function Durations({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data: found, error } = useQuery({
    queryKey: ["databases", id, "statements", "recent"],
    queryFn: async () => (await data(statementList({ path: { database_id: id }, query: { limit: 200 } }))).items,
  });
  if (error) return <ErrorPanel error={error} />;
  if (!found) return <Skeleton className="h-44" />;
  if (found.length < 2) return <p className="text-muted">{t("databases:noStatements")}</p>;
  return (
    <Chart
      kind="line"
      label={t("databases:charts.statements")}
      height={180}
      x={{ key: "at", as: "time" }}
      series={[{ key: "ms", title: t("databases:milliseconds") }]}
      points={[...found].reverse().map((each) => ({ at: each.at, ms: each.duration_ms }))}
      format={(value) => `${count(Math.round(value * 10) / 10)} ms`}
    />
  );
}
