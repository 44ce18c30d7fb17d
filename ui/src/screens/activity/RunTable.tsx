import { Activity, CircleSlash, RotateCcw } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type ProgressOut, type RunOut, runCancel, runRetry, runsList } from "@/api";
import { Confirm } from "@/parts/Confirm";
import { ENDED, RunState, useRunTitle } from "@/parts/RunState";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Filter, Source, View } from "@/parts/table/types";
import { lasted } from "@/parts/text";
import { useEach } from "@/parts/useEach";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan, useWho } from "@/shell/session";
import { DownloadMenu } from "./Download";
import { useNames } from "./useNames";
import { exportUrl, SPAN_IDS, sinceOf } from "./when";

interface Props {
  filter: { project_id?: string; environment_id?: string; resource_id?: string };
  /** Until `filter` is known. */
  waits?: boolean;
}

function seconds(run: RunOut): number | null {
  if (!run.started_at || !run.finished_at) return null;
  return (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1000;
}

const said = (error: Record<string, unknown>) => String(error.message ?? error.code ?? "");
const far = ({ phase, done, total }: ProgressOut) =>
  total ? `${phase} · ${Math.floor((done / total) * 100)}%` : phase;

type Asked = Readonly<Record<string, readonly string[]>>;

/** What the API is asked for, of the filters of the table. */
function query(filters: Asked) {
  return {
    ...(filters.state && { state: [...filters.state] }),
    ...(filters.kind && { kind: [...filters.kind] }),
    ...(filters.trigger && { trigger: [...filters.trigger] }),
    ...(filters.by && { by: filters.by[0] }),
    ...(filters.resource && { resource_id: filters.resource[0] }),
    ...(filters.when && { since: sinceOf(filters.when[0]) }),
  };
}

export function RunTable({ filter, waits }: Props) {
  const { t } = useTranslation();
  const [search] = useAddress();
  const names = useNames(filter.resource_id || waits ? null : filter);
  const columns = useColumns(names);
  const filters = useFilters(names, Boolean(filter.resource_id));
  const { acts, asking } = useActs();
  const source = useMemo<Source<RunOut>>(
    () => ({
      key: ["runs", "list", filter],
      waits,
      page: ({ filters, limit, cursor, signal }) =>
        data(runsList({ query: { ...filter, ...query(filters), limit, cursor }, signal })),
    }),
    [filter, waits],
  );
  const views = useMemo<View[]>(
    () => [
      { name: t("activity:views.failed"), search: { state: "failed", when: "7d" } },
      { name: t("activity:views.going"), search: { state: "queued,running" } as Record<string, string> },
    ],
    [t],
  );
  const asked = Object.fromEntries(
    filters.flatMap(({ id }) => (search[id] ? [[id, search[id].split(",").map(decodeURIComponent)]] : [])),
  );
  return (
    <>
      <DataTable
        id="runs"
        label={t("activity:runs")}
        source={source}
        columns={columns}
        filters={filters}
        acts={acts}
        views={views}
        rowId={(row) => row.id}
        to={(row) => `/runs/${row.id}`}
        empty={{ icon: <Activity />, title: t("activity:noRuns"), lead: t("activity:noRunsLead") }}
      >
        <DownloadMenu
          formats={["csv", "json"]}
          href={(format) => exportUrl("/api/v1/runs/export", { format, ...filter, ...query(asked) })}
        />
      </DataTable>
      {asking}
    </>
  );
}

/** What may be done with several: what is over is left out of a cancel, what cannot be repeated out of a retry. */
function useActs() {
  const { t } = useTranslation();
  const can = useCan();
  const each = useEach();
  const [asked, setAsked] = useState<{ rows: RunOut[]; clear: () => void } | null>(null);
  const acts: BulkAct<RunOut>[] = [
    {
      id: "retry",
      title: t("activity:again"),
      icon: <RotateCcw />,
      run: (rows, clear) =>
        void each(
          rows.filter((row) => ENDED.includes(row.state) && row.retry_permission && can(row.retry_permission)),
          (row) => data(runRetry({ path: { run_id: row.id } })),
          clear,
        ),
    },
  ];
  if (can("run.cancel"))
    acts.push({
      id: "cancel",
      title: t("activity:cancel"),
      icon: <CircleSlash />,
      run: (rows, clear) => setAsked({ rows: rows.filter(({ state }) => !ENDED.includes(state)), clear }),
    });
  const asking = asked && (
    <Confirm
      open
      onOpenChange={() => setAsked(null)}
      danger
      title={t("activity:cancelMany", { count: asked.rows.length })}
      lead={t("activity:cancelLead")}
      verb={t("activity:cancelVerb")}
      act={() => each(asked.rows, (row) => data(runCancel({ path: { run_id: row.id } })), asked.clear)}
    />
  );
  return { acts: can(...RETRIES) ? acts : acts.slice(1), asking };
}

// Whoever holds none of what can be begun again has no button for it.
const RETRIES = [
  "snapshot.create",
  "snapshot.verify",
  "repository.check",
  "repository.gc",
  "database.start",
  "database.maintain",
  "migration.apply",
  "drill.run",
  "plan.run",
];

function useColumns(names: ReadonlyMap<string, string>) {
  const { t } = useTranslation();
  const title = useRunTitle();
  return useMemo<Column<RunOut>[]>(
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
        id: "resource",
        title: t("activity:resource"),
        value: (row) => row.resource_id && (names.get(row.resource_id) ?? row.resource_id),
        width: "minmax(110px, 1fr)",
        card: "line",
        spare: names.size === 0,
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
      {
        id: "progress",
        title: t("activity:progress"),
        value: (row) =>
          row.error ? said(row.error) : row.state === "running" && row.progress ? far(row.progress) : "",
        cell: (row) =>
          row.error ? (
            <span className="text-bad">{said(row.error)}</span>
          ) : row.progress && row.state === "running" ? (
            far(row.progress)
          ) : (
            ""
          ),
        width: "minmax(140px, 2fr)",
        card: "line",
      },
      { id: "actor", title: t("activity:by"), value: (row) => row.actor, spare: true },
      { id: "id", title: "ID", value: (row) => row.id, spare: true, width: "260px" },
    ],
    [t, title, names],
  );
}

const KINDS = (
  "snapshot.create snapshot.verify snapshot.restore snapshot.delete snapshot.import drill.run plan.run database.create " +
  "database.start database.stop database.delete database.clone database.export database.import database.maintain " +
  "database.upgrade migration.apply migration.rollback migration.rehearse move.run repository.check repository.gc " +
  "repository.copy metadata.snapshot"
).split(" ");

function useFilters(names: ReadonlyMap<string, string>, ofOne: boolean) {
  const { t } = useTranslation();
  const who = useWho();
  const title = useRunTitle();
  return useMemo<Filter[]>(
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
        options: KINDS.map((value) => ({ value, label: title(value) })),
      },
      {
        id: "when",
        title: t("activity:asked"),
        options: SPAN_IDS.map((value) => ({ value, label: t(`activity:spans.${value}`) })),
      },
      {
        id: "by",
        title: t("activity:by"),
        options: [
          { value: who.id, label: t("activity:me") },
          { value: "system", label: "Holdfast" },
        ],
      },
      {
        id: "trigger",
        title: t("snapshots:trigger"),
        many: true,
        options: ["api", "schedule"].map((value) => ({
          value,
          label: t(`snapshots:triggers.${value}`, { defaultValue: value }),
        })),
      },
      ...(ofOne
        ? []
        : [
            {
              id: "resource",
              title: t("activity:resource"),
              options: [...names].map(([value, label]) => ({ value, label })),
            },
          ]),
    ],
    [t, title, who.id, names, ofOne],
  );
}
