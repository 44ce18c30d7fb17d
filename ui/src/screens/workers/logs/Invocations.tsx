import { ListTree } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type InvocationOut, workerInvocationList } from "@/api";
import { Size, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { versionName } from "../listed";
import { short } from "../overview/series";
import type { TabProps } from "../tabs";
import { useVersionName, useVersions } from "../useVersions";
import { OUTCOMES, Outcome, TRIGGERS, what } from "./words";

/** Each request, call, turn and socket with how it ended. */
export function Invocations({ worker, children }: TabProps & { children: ReactNode }) {
  const { t } = useTranslation();
  const [, set] = useAddress();
  const named = useVersionName(worker.id);
  const { data: versions } = useVersions(worker.id);
  const columns = useMemo<Column<InvocationOut>[]>(
    () => [
      {
        id: "what",
        title: t("workers:call"),
        value: (row) => what(row),
        cell: (row) => <span className="truncate font-mono text-xs">{what(row)}</span>,
        width: "minmax(180px, 2fr)",
        card: "title",
      },
      {
        id: "at",
        title: t("workers:when"),
        value: (row) => new Date(row.at).toISOString(),
        cell: (row) => <Time at={new Date(row.at).toISOString()} />,
        width: "120px",
        card: "line",
      },
      {
        id: "outcome",
        title: t("workers:outcome"),
        value: (row) => row.outcome,
        cell: (row) => <Outcome of={row} />,
        width: "minmax(120px, 0.8fr)",
        card: "side",
      },
      {
        id: "trigger",
        title: t("workers:trigger"),
        value: (row) => t(`workers:callTriggers.${row.trigger}`, { defaultValue: row.trigger }),
        width: "100px",
      },
      {
        id: "wall",
        title: t("workers:duration"),
        value: (row) => row.wall_ms,
        cell: (row) => short(row.wall_ms),
        numeric: true,
        width: "96px",
        card: "line",
      },
      {
        id: "cpu",
        title: "CPU",
        value: (row) => row.cpu_ms,
        cell: (row) => (row.cpu_ms === null ? "–" : short(row.cpu_ms)),
        numeric: true,
        width: "88px",
      },
      {
        id: "memory",
        title: t("workers:memory"),
        value: (row) => row.memory_bytes,
        cell: (row) => <Size of={row.memory_bytes} />,
        numeric: true,
        width: "90px",
        spare: true,
      },
      { id: "version", title: t("workers:version"), value: (row) => named(row.version_id), width: "100px" },
      { id: "error", title: t("workers:error"), value: (row) => row.error?.message, spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, named],
  );
  const filters = useMemo<Filter[]>(
    () => [
      { id: "failed", title: t("workers:failed"), options: [{ value: "yes", label: t("workers:onlyFailed") }] },
      {
        id: "outcome",
        title: t("workers:outcome"),
        options: OUTCOMES.map((value) => ({ value, label: t(`workers:outcomes.${value}`) })),
      },
      {
        id: "trigger",
        title: t("workers:trigger"),
        options: TRIGGERS.map((value) => ({ value, label: t(`workers:callTriggers.${value}`) })),
      },
      {
        id: "version",
        title: t("workers:version"),
        options: (versions ?? []).map((each) => ({ value: each.id, label: versionName(each) })),
      },
    ],
    [t, versions],
  );
  const source = useMemo<Source<InvocationOut>>(
    () => ({
      key: ["workers", worker.id, "invocations"],
      page: ({ filters, limit, cursor, signal }) =>
        data(
          workerInvocationList({
            path: { worker_id: worker.id },
            query: {
              limit,
              cursor,
              ...(filters.failed && { errors: true }),
              ...(filters.outcome && { outcome: filters.outcome[0] }),
              ...(filters.trigger && { trigger: filters.trigger[0] }),
              ...(filters.version && { version_id: filters.version[0] }),
            },
            signal,
          }),
        ),
    }),
    [worker.id],
  );
  return (
    <DataTable
      id="worker-calls"
      label={t("workers:logViews.calls")}
      source={source}
      columns={columns}
      filters={filters}
      rowId={(row) => row.id}
      onOpen={(row) => set({ call: row.id }, true)}
      empty={{ icon: <ListTree />, title: t("workers:noCallsYet"), lead: t("workers:noLogsLead") }}
    >
      {children}
    </DataTable>
  );
}
