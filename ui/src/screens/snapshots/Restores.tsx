import { CircleCheck, CircleSlash, CircleX, LoaderCircle, RotateCcw } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type RestoreOut, restoreList } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { lasted } from "@/parts/text";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useWho } from "@/shell/session";

const STATES = ["running", "succeeded", "failed", "cancelled"];

/** Who brought what back where, and what came of it. */
export default function Restores() {
  const { t } = useTranslation();
  const who = useWho();
  const { filter, isLoading } = useScope();
  const columns = useMemo<Column<RestoreOut>[]>(() => {
    const took = (row: RestoreOut) =>
      row.finished_at ? (Date.parse(row.finished_at) - Date.parse(row.at)) / 1000 : null;
    return [
      {
        id: "database",
        title: t("restores:into"),
        value: (row) => row.resource_name ?? row.resource_id,
        width: "minmax(160px, 1.5fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("snapshots:state"),
        value: (row) => row.state,
        cell: (row) => <RestoreState state={row.state} />,
        width: "130px",
        card: "side",
      },
      {
        id: "mode",
        title: t("restores:how"),
        value: (row) => t(row.mode === "in_place" ? "restores:inPlace" : "restores:new"),
        width: "120px",
        card: "line",
      },
      {
        id: "what",
        title: t("restore:step.what"),
        value: (row) => (row.select.length > 0 ? t("restore:picked", { count: row.select.length }) : t("restore:all")),
        width: "130px",
      },
      {
        id: "snapshot",
        title: t("snapshots:one"),
        value: (row) => row.snapshot_id,
        cell: (row) => (
          <A to={`/snapshots/${row.snapshot_id}`} className="relative z-1 text-accent-text hover:underline">
            …{row.snapshot_id.slice(-8)}
          </A>
        ),
        width: "110px",
      },
      {
        id: "at",
        title: t("activity:when"),
        value: (row) => row.at,
        cell: (row) => <Time at={row.at} />,
        width: "120px",
        card: "line",
      },
      {
        id: "took",
        title: t("snapshots:took"),
        value: took,
        cell: (row) => {
          const seconds = took(row);
          return seconds === null ? "–" : lasted(seconds);
        },
        numeric: true,
        width: "100px",
      },
      {
        id: "by",
        title: t("activity:by"),
        value: (row) => (row.actor === who.id ? who.display : row.actor),
        width: "minmax(110px, 1fr)",
      },
      { id: "masking", title: t("restore:masking"), value: (row) => row.masking, spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ];
  }, [t, who]);
  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "state",
        title: t("snapshots:state"),
        options: STATES.map((value) => ({ value, label: t(`activity:states.${value}`) })),
      },
    ],
    [t],
  );
  const source = useMemo<Source<RestoreOut>>(
    () => ({
      key: ["restores", filter.project_id],
      waits: isLoading,
      page: ({ filters, limit, cursor, signal }) =>
        data(
          restoreList({
            query: {
              limit,
              cursor,
              ...(filter.project_id && { project_id: filter.project_id }),
              ...(filters.state?.[0] && { state: filters.state[0] }),
            },
            signal,
          }),
        ),
    }),
    [filter.project_id, isLoading],
  );
  return (
    <DataTable
      id="restores"
      label={t("restores:title")}
      source={source}
      columns={columns}
      filters={filters}
      rowId={(row) => row.id}
      to={(row) => (row.run_id ? `/snapshots/restores/${row.run_id}` : `/databases/${row.resource_id}`)}
      empty={{ icon: <RotateCcw />, title: t("restores:none"), lead: t("restores:noneLead") }}
    />
  );
}

const LOOKS = {
  running: ["info", LoaderCircle],
  succeeded: ["good", CircleCheck],
  failed: ["bad", CircleX],
  cancelled: ["plain", CircleSlash],
} as const;

export function RestoreState({ state }: { state: string }) {
  const { t } = useTranslation();
  const [tone, Icon] = LOOKS[state as keyof typeof LOOKS] ?? LOOKS.cancelled;
  return (
    <Badge tone={tone} icon={<Icon className={state === "running" ? "animate-spin" : undefined} />}>
      {t(`activity:states.${state}`, { defaultValue: state })}
    </Badge>
  );
}
