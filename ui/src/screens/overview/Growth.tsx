import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { projectGrowth } from "@/api";
import { Chart } from "@/parts/chart/Chart";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Segments } from "@/parts/Setting";
import { Skeleton } from "@/parts/small";
import { bytes } from "@/parts/text";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";

const DAYS = [30, 90, 365] as const;
const HEIGHT = 180;

/** How much there is to bring back, and what is stored for it. A day more is a day's news: no signal reads it again. */
export function Growth() {
  const { t } = useTranslation();
  const { project, environment, isLoading } = useScope();
  const [days, setDays] = useState<number>(90);
  const path = { project_id: project?.id ?? "" };
  const query = { environment_id: environment?.id, days };
  const {
    data: points,
    error,
    refetch,
  } = useQuery({
    queryKey: ["growth", path, query],
    enabled: project !== null && !isLoading,
    queryFn: async ({ signal }) => (await data(projectGrowth({ path, query, signal }))).items,
  });
  return (
    <Section
      title={t("overview:growth")}
      aside={
        <Segments
          label={t("overview:span")}
          value={String(days)}
          options={DAYS.map((each) => ({ value: String(each), label: t("overview:days", { count: each }) }))}
          onChange={(value) => setDays(Number(value))}
        />
      }
    >
      {error && !points ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : !points ? (
        <Skeleton className="h-[180px] w-full" />
      ) : points.length < 2 ? (
        <p className="text-muted">{t("overview:growthSoon")}</p>
      ) : (
        <Chart
          kind="area"
          height={HEIGHT}
          points={points.map((point) => ({ ...point }))}
          x={{ key: "day", as: "time" }}
          series={[
            { key: "source_bytes", title: t("overview:toRestore") },
            { key: "stored_bytes", title: t("overview:storedFor") },
          ]}
          label={t("overview:growthLabel", {
            from: bytes(points[0]?.source_bytes ?? 0),
            to: bytes(points.at(-1)?.source_bytes ?? 0),
          })}
          inBytes
          format={bytes}
        />
      )}
    </Section>
  );
}
