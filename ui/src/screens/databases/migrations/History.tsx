import { CircleCheck, CircleX, History as Icon } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { migrationHistory, type StepOut } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { lasted } from "@/parts/text";
import { data } from "@/shell/api";

/** Every migration applied, taken back or failed, newest first; each leads to its run. */
export function History({ id }: { id: string }) {
  const { t } = useTranslation();
  const columns = useMemo<Column<StepOut>[]>(
    () => [
      {
        id: "name",
        title: t("migrations:name"),
        value: (row) => `${row.number} ${row.name}`,
        width: "minmax(180px, 2fr)",
        card: "title",
      },
      {
        id: "direction",
        title: t("migrations:direction"),
        value: (row) => t(`migrations:directions.${row.direction}`, { defaultValue: row.direction }),
        width: "130px",
        card: "line",
      },
      {
        id: "outcome",
        title: t("migrations:outcome"),
        value: (row) => row.outcome,
        cell: (row) => (
          <Badge tone={row.error ? "bad" : "good"} icon={row.error ? <CircleX /> : <CircleCheck />}>
            {t(row.error ? "migrations:didFail" : "migrations:didWork")}
          </Badge>
        ),
        width: "120px",
        card: "side",
      },
      {
        id: "error",
        title: t("migrations:why"),
        value: (row) => (row.error ? String(row.error.message ?? row.error.code ?? "") : null),
        width: "minmax(160px, 2fr)",
      },
      {
        id: "seconds",
        title: t("migrations:took"),
        value: (row) => row.seconds,
        cell: (row) => lasted(row.seconds),
        numeric: true,
        width: "110px",
      },
      {
        id: "at",
        title: t("migrations:when"),
        value: (row) => row.at,
        cell: (row) => <Time at={row.at} />,
        width: "130px",
        card: "line",
      },
      { id: "by", title: t("migrations:by"), value: (row) => row.actor, spare: true },
    ],
    [t],
  );
  const source = useMemo<Source<StepOut>>(
    () => ({
      key: ["migrations", id, "history"],
      page: ({ limit, cursor, signal }) =>
        data(migrationHistory({ path: { database_id: id }, query: { limit, cursor }, signal })),
    }),
    [id],
  );
  return (
    <DataTable
      id="migration-history"
      label={t("migrations:views.history")}
      source={source}
      columns={columns}
      rowId={(row) => row.id}
      to={(row) => `/runs/${row.run_id}`}
      empty={{ icon: <Icon />, title: t("migrations:noHistory"), lead: t("migrations:noHistoryLead") }}
    />
  );
}
