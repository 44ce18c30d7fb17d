import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type WindowOut, workerSummary } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Select } from "@/parts/Field";
import { Facts, Section } from "@/parts/Page";
import { Segments } from "@/parts/Setting";
import { Skeleton } from "@/parts/small";
import { bytes, count } from "@/parts/text";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { Endings, Statuses } from "../Statuses";
import type { TabProps } from "../tabs";
import { useVersionName } from "../useVersions";
import { ByVersion } from "./ByVersion";
import { Charts } from "./Charts";
import { short } from "./series";

const WINDOWS = { hour: 60, day: 1440, week: 10_080, month: 43_200 } as const;

/** Charts and sums over the time the address names, of all its versions or of one. */
export function Fares({ worker }: TabProps) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const named = useVersionName(worker.id);
  const span = search.over && search.over in WINDOWS ? (search.over as keyof typeof WINDOWS) : "day";
  const version = search.version;
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["workers", worker.id, "summary", span, version ?? null],
    queryFn: () =>
      data(
        workerSummary({
          path: { worker_id: worker.id },
          query: { minutes: WINDOWS[span], ...(version && { version_id: version }) },
        }),
      ),
    placeholderData: keepPreviousData,
    // What it did is told by no signal: a chart that is left open moves on by itself.
    refetchInterval: span === "hour" ? 30_000 : 120_000,
  });
  if (error && !found) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const used = found?.versions.flatMap(({ version_id }) => (version_id ? [version_id] : [])) ?? [];
  const options = version && !used.includes(version) ? [version, ...used] : used;
  return (
    <>
      <Section
        title={t("workers:fares")}
        aside={
          <div className="flex flex-wrap items-center gap-2">
            {options.length > 0 && (
              <Select
                aria-label={t("workers:version")}
                className="!w-auto max-w-44"
                value={version ?? ""}
                onChange={(event) => set({ version: event.target.value || undefined })}
              >
                <option value="">{t("workers:allVersions")}</option>
                {options.map((id) => (
                  <option key={id} value={id}>
                    {named(id)}
                  </option>
                ))}
              </Select>
            )}
            <Segments
              label={t("workers:over")}
              value={span}
              options={Object.keys(WINDOWS).map((value) => ({ value, label: t(`workers:windows.${value}`) }))}
              onChange={(over) => set({ over: over === "day" ? undefined : over })}
            />
          </div>
        }
      >
        {found ? <Sums found={found} version={version} /> : <Skeleton className="h-10" />}
        {found ? <Charts found={found} /> : <Skeleton className="mt-4 h-40" />}
      </Section>
      {found && <ByVersion worker={worker} found={found} />}
    </>
  );
}

function Sums({ found, version }: { found: WindowOut; version: string | undefined }) {
  const { t } = useTranslation();
  const sum = version ? found.versions.find(({ version_id }) => version_id === version) : found.whole;
  const dash = <span className="text-faint">–</span>;
  const ms = (value: number | null | undefined) => (value == null ? dash : short(value));
  return (
    <Facts
      facts={[
        [t("workers:requests"), count(sum?.count ?? 0)],
        [
          t("workers:errors"),
          sum?.errors ? (
            <span key="errors" className="font-medium text-bad">
              {count(sum.errors)} ({count(Math.round((sum.errors / sum.count) * 1000) / 10)} %)
            </span>
          ) : (
            "0"
          ),
        ],
        [t("workers:answers"), <Statuses key="answers" of={sum?.statuses} />],
        [t("workers:endings"), <Endings key="endings" of={sum?.outcomes ?? {}} />],
        ...(sum?.unfit
          ? [
              [
                t("workers:unlike"),
                <span key="unlike" className="font-medium text-warn">
                  {count(sum.unfit)}
                </span>,
              ] as const,
            ]
          : []),
        ["p50", ms(sum?.p50_ms)],
        ["p95", ms(sum?.p95_ms)],
        ["p99", ms(sum?.p99_ms)],
        [t("workers:cpuEach"), sum?.count ? short(sum.cpu_ms / sum.count) : dash],
        [t("workers:memoryPeak"), sum?.memory_peak_bytes ? bytes(sum.memory_peak_bytes) : dash],
      ]}
    />
  );
}
