import { useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type MetricsOut, metricRead } from "@/api";
import { Button } from "@/parts/Button";
import { Chart, type Point, type Series } from "@/parts/chart/Chart";
import { Facts, Section } from "@/parts/Page";
import { useRunTitle } from "@/parts/RunState";
import { CopyButton } from "@/parts/small";
import { bytes, count, lasted } from "@/parts/text";
import { data } from "@/shell/api";
import { Asked } from "../Asked";
import { durations, perDatabase, runs, total } from "./metrics";

/** What the server counts, as it is at this moment; the same that Prometheus scrapes. */
export default function Metrics() {
  const { t } = useTranslation();
  const metrics = useQuery({ queryKey: ["metrics"], queryFn: () => data(metricRead()), staleTime: 0 });
  return (
    <>
      <Section
        title={t("system:now")}
        aside={
          <Button size="small" icon={<RefreshCw />} busy={metrics.isFetching} onClick={() => void metrics.refetch()}>
            {t("system:readAgain")}
          </Button>
        }
      >
        <Asked of={metrics}>{(read) => <Numbers read={read} />}</Asked>
      </Section>
      {metrics.data && <Charts read={metrics.data} />}
      <Scraping />
    </>
  );
}

function Numbers({ read }: { read: MetricsOut }) {
  const { t } = useTranslation();
  const shown = (value: number | null, format: (value: number) => string) => (value === null ? "–" : format(value));
  const started = total(read, "process_start_time_seconds");
  return (
    <Facts
      facts={
        [
          [t("system:upFor"), shown(started, (at) => lasted(Math.max(0, Date.now() / 1000 - at)))],
          [t("system:memory"), shown(total(read, "process_resident_memory_bytes"), bytes)],
          [t("system:cpu"), shown(total(read, "process_cpu_seconds", "process_cpu_seconds_total"), lasted)],
          [t("system:files"), shown(total(read, "process_open_fds"), count)],
          [t("system:calls"), shown(total(read, "holdfast_http_requests", "holdfast_http_requests_total"), count)],
          [t("system:statements"), shown(total(read, "holdfast_statements", "holdfast_statements_total"), count)],
        ].filter(([, value]) => value !== "–") as [string, string][]
      }
    />
  );
}

function Charts({ read }: { read: MetricsOut }) {
  const { t } = useTranslation();
  const kind = useRunTitle();
  const work = runs(read);
  return (
    <div className="grid lg:grid-cols-2">
      <Drawn
        title={t("system:charts.size")}
        points={perDatabase(read, [{ key: "size", family: "holdfast_database_size_bytes" }])}
        series={[{ key: "size", title: t("system:charts.size") }]}
        format={bytes}
      />
      <Drawn
        title={t("system:charts.memory")}
        points={perDatabase(read, [
          { key: "memory", family: "holdfast_database_memory_bytes" },
          { key: "peak", family: "holdfast_database_memory_peak_bytes" },
        ])}
        series={[
          { key: "memory", title: t("system:charts.now") },
          { key: "peak", title: t("system:charts.peak") },
        ]}
        format={bytes}
      />
      <Drawn
        title={t("system:charts.connections")}
        points={perDatabase(read, [
          { key: "open", family: "holdfast_database_connections" },
          { key: "most", family: "holdfast_database_connections_max" },
        ])}
        series={[
          { key: "open", title: t("system:charts.open") },
          { key: "most", title: t("system:charts.allowed") },
        ]}
      />
      <Drawn
        title={t("system:charts.snapshot")}
        points={perDatabase(read, [{ key: "took", family: "holdfast_database_snapshot_duration_seconds" }])}
        series={[{ key: "took", title: t("system:charts.took") }]}
        format={lasted}
      />
      <Drawn
        title={t("system:charts.runs")}
        points={work.points.map((point) => ({ ...point, name: kind(String(point.name)) }))}
        series={work.states.map((state) => ({
          key: state,
          title: t(`activity:states.${state}`, { defaultValue: state }),
        }))}
      />
      <Drawn
        title={t("system:charts.answers")}
        points={durations(read, "holdfast_http_request_duration_seconds")}
        series={[{ key: "calls", title: t("system:charts.callsUpTo") }]}
      />
    </div>
  );
}

interface DrawnProps {
  title: string;
  points: readonly Point[];
  series: readonly Series[];
  format?: (value: number) => string;
}

function Drawn({ title, points, series, format }: DrawnProps) {
  const { t } = useTranslation();
  return (
    <Section title={title}>
      {points.length === 0 ? (
        <p className="text-muted text-sm">{t("system:noPoints")}</p>
      ) : (
        <Chart
          kind="bar"
          label={title}
          points={points}
          x={{ key: "name", as: "name" }}
          series={series}
          inBytes={format === bytes}
          {...(format && { format: (value: number) => format(value) })}
        />
      )}
    </Section>
  );
}

const CONFIG = (host: string, scheme: string) => `scrape_configs:
  - job_name: holdfast
    scheme: ${scheme}
    authorization:
      credentials_file: /etc/prometheus/holdfast.key
    static_configs:
      - targets: ["${host}"]
`;

function Scraping() {
  const { t } = useTranslation();
  const text = CONFIG(location.host, location.protocol.replace(":", ""));
  return (
    <Section title={t("system:prometheus")} aside={<CopyButton text={text} label={t("shell:copy")} />}>
      <p className="max-w-2xl text-muted">
        {t("system:prometheusLead")} <Code>{`${location.origin}/metrics`}</Code>
      </p>
      <pre className="mt-3 max-w-2xl whitespace-pre-wrap break-words rounded-lg bg-sunken p-3 font-mono text-xs">
        {text}
      </pre>
    </Section>
  );
}

function Code({ children }: { children: ReactNode }) {
  return <code className="break-all rounded-sm bg-sunken px-1 py-0.5 font-mono text-xs">{children}</code>;
}
