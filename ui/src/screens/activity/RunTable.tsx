import { Activity, CircleSlash } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type RunOut, runCancel, runsList } from "@/api";
import { ENDED, RunState, useRunTitle } from "@/parts/RunState";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Filter, Source } from "@/parts/table/types";
import { lasted } from "@/parts/text";
import { useEach } from "@/parts/useEach";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";

interface Props {
  filter: { project_id?: string; environment_id?: string; resource_id?: string };
  /** Until `filter` is known. */
  waits?: boolean;
}

function seconds(run: RunOut): number | null {
  if (!run.started_at || !run.finished_at) return null;
  return (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1000;
}

export function RunTable({ filter, waits }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const each = useEach();
  const title = useRunTitle();
  const columns = useMemo<Column<RunOut>[]>(
    () => [
      {
        id: "kind",
        title: t("activity:work"),
        value: (row) => title(row.kind),
        width: "minmax(180px, 1.6fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("activity:state"),
        value: (row) => row.state,
        cell: (row) => <RunState state={row.state} />,
        width: "130px",
        card: "side",
      },
      {
        id: "progress",
        title: t("activity:progress"),
        value: (row) =>
          row.state === "running" && row.progress?.total
            ? Math.round((row.progress.done / row.progress.total) * 100)
            : null,
        cell: (row) =>
          row.error ? (
            <span className="text-bad">{String(row.error.message ?? row.error.code ?? "")}</span>
          ) : row.state === "running" && row.progress ? (
            `${row.progress.phase}${row.progress.total ? ` · ${Math.floor((row.progress.done / row.progress.total) * 100)}%` : ""}`
          ) : (
            ""
          ),
        width: "minmax(140px, 2fr)",
        card: "line",
      },
      {
        id: "trigger",
        title: t("snapshots:trigger"),
        value: (row) => t(`snapshots:triggers.${row.trigger}`, { defaultValue: row.trigger }),
        width: "110px",
      },
      {
        id: "took",
        title: t("snapshots:took"),
        value: seconds,
        cell: (row) => {
          const took = seconds(row);
          return took === null ? "–" : lasted(took);
        },
        numeric: true,
        width: "96px",
      },
      {
        id: "requested",
        title: t("activity:asked"),
        value: (row) => row.requested_at,
        cell: (row) => <Time at={row.requested_at} />,
        width: "130px",
        card: "line",
      },
      { id: "actor", title: t("activity:by"), value: (row) => row.actor, spare: true },
      { id: "resource", title: t("activity:resource"), value: (row) => row.resource_id, spare: true, width: "260px" },
      { id: "id", title: "ID", value: (row) => row.id, spare: true, width: "260px" },
    ],
    [t, title],
  );
  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "state",
        title: t("activity:state"),
        many: true,
        options: ["queued", "running", ...ENDED].map((value) => ({ value, label: t(`activity:states.${value}`) })),
      },
      {
        id: "kind",
        title: t("activity:work"),
        many: true,
        options: [
          "snapshot.create",
          "snapshot.verify",
          "snapshot.restore",
          "database.create",
          "repository.check",
          "metadata.snapshot",
        ].map((value) => ({ value, label: title(value) })),
      },
    ],
    [t, title],
  );
  const source = useMemo<Source<RunOut>>(
    () => ({
      key: ["runs", "list", filter],
      waits,
      page: ({ filters, limit, cursor, signal }) =>
        data(
          runsList({
            query: {
              ...filter,
              limit,
              cursor,
              ...(filters.state && { state: [...filters.state] }),
              ...(filters.kind && { kind: [...filters.kind] }),
            },
            signal,
          }),
        ),
    }),
    [filter, waits],
  );
  const acts: BulkAct<RunOut>[] = can("run.cancel")
    ? [
        {
          id: "cancel",
          title: t("activity:cancel"),
          icon: <CircleSlash />,
          run: (rows, clear) => {
            const able = rows.filter(({ state }) => !ENDED.includes(state));
            void each(able, (row) => data(runCancel({ path: { run_id: row.id } })), clear);
          },
        },
      ]
    : [];
  return (
    <DataTable
      id="runs"
      label={t("activity:runs")}
      source={source}
      columns={columns}
      filters={filters}
      acts={acts}
      rowId={(row) => row.id}
      to={(row) => `/runs/${row.id}`}
      empty={{ icon: <Activity />, title: t("activity:noRuns"), lead: t("activity:noRunsLead") }}
    />
  );
}
