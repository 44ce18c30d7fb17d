import { Timer } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type DrillOut, drillList } from "@/api";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { StartDrill } from "./StartDrill";
import { DrillState, Measured } from "./words";

const STATES = ["running", "passed", "failed", "cancelled"] as const;

/** Rehearsals: whether a snapshot comes back, how long that takes, how old what comes back is. */
export default function Drills() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, isLoading } = useScope();
  const { creating, end, add } = useCreating("drill.new", t("drills:new"), can("drill.run"));
  const columns = useMemo<Column<DrillOut>[]>(
    () => [
      {
        id: "database",
        title: t("snapshots:database"),
        value: (row) => row.resource_name,
        width: "minmax(160px, 1.6fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("drills:result"),
        value: (row) => row.state,
        cell: (row) => <DrillState state={row.state} />,
        width: "minmax(110px, 0.8fr)",
        card: "side",
      },
      {
        id: "rto",
        title: t("drills:rto"),
        value: (row) => row.rto_seconds,
        cell: (row) => <Measured seconds={row.rto_seconds} aim={row.aims.rto_seconds} />,
        onCard: (row) => (
          <>
            {t("drills:rto")}: <Measured seconds={row.rto_seconds} aim={row.aims.rto_seconds} />
          </>
        ),
        numeric: true,
        width: "120px",
        card: "line",
      },
      {
        id: "rpo",
        title: t("drills:rpo"),
        value: (row) => row.rpo_seconds,
        cell: (row) => <Measured seconds={row.rpo_seconds} aim={row.aims.rpo_seconds} />,
        onCard: (row) => (
          <>
            {t("drills:rpo")}: <Measured seconds={row.rpo_seconds} aim={row.aims.rpo_seconds} />
          </>
        ),
        numeric: true,
        width: "120px",
        card: "line",
      },
      {
        id: "checks",
        title: t("drills:checks"),
        value: (row) => row.checks.length || null,
        numeric: true,
        width: "100px",
      },
      {
        id: "at",
        title: t("activity:when"),
        value: (row) => row.requested_at,
        cell: (row) => <Time at={row.requested_at} />,
        width: "130px",
        card: "line",
      },
      { id: "snapshot", title: t("snapshots:one"), value: (row) => row.snapshot_id, width: "270px", spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "270px", spare: true },
    ],
    [t],
  );
  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "state",
        title: t("drills:result"),
        options: STATES.map((value) => ({ value, label: t(`drills:states.${value}`) })),
      },
    ],
    [t],
  );
  const source = useMemo<Source<DrillOut>>(
    () => ({
      key: ["drills", "list", filter.project_id],
      waits: isLoading,
      page: ({ filters, limit, cursor, signal }) =>
        data(
          drillList({
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
    <>
      <DataTable
        id="drills"
        label={t("drills:title")}
        source={source}
        columns={columns}
        filters={filters}
        rowId={(row) => row.id}
        to={(row) => `/snapshots/drills/${row.id}`}
        empty={{ icon: <Timer />, title: t("drills:none"), lead: t("drills:noneLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <StartDrill onClose={end} />}
    </>
  );
}
