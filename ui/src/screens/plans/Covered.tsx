import { Database, ShieldAlert, ShieldCheck } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type CoveredOut, planCoverage } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";

/** The databases a plan covers now, and whether each has what it should. */
export function Covered({ id }: { id: string }) {
  const { t } = useTranslation();
  const { environments } = useScope();
  const columns = useMemo<Column<CoveredOut>[]>(
    () => [
      {
        id: "name",
        title: t("plans:database"),
        value: (row) => row.resource_name,
        width: "minmax(160px, 2fr)",
        card: "title",
      },
      {
        id: "late",
        title: t("plans:protection"),
        value: (row) => (row.late ? t("plans:late") : t("plans:onTime")),
        cell: (row) =>
          row.late ? (
            <Badge tone="bad" icon={<ShieldAlert />}>
              {t("plans:late")}
            </Badge>
          ) : (
            <Badge tone="good" icon={<ShieldCheck />}>
              {t("plans:onTime")}
            </Badge>
          ),
        card: "side",
      },
      {
        id: "environment",
        title: t("shell:environment"),
        value: (row) => environments.find((each) => each.id === row.environment_id)?.name ?? row.environment_id,
      },
      {
        id: "last",
        title: t("plans:lastGood"),
        value: (row) => row.last_success_at,
        cell: (row) => <Time at={row.last_success_at} />,
        width: "140px",
        card: "line",
      },
      {
        id: "next",
        title: t("plans:next"),
        value: (row) => row.next_due_at,
        cell: (row) => <Time at={row.next_due_at} />,
        width: "140px",
        card: "line",
      },
    ],
    [t, environments],
  );
  const source = useMemo<Source<CoveredOut>>(
    () => ({
      key: ["plans", id, "coverage"],
      page: ({ limit, cursor, signal }) =>
        data(planCoverage({ path: { plan_id: id }, query: { limit, cursor }, signal })),
    }),
    [id],
  );
  return (
    <DataTable
      id="covered"
      label={t("plans:covered")}
      source={source}
      columns={columns}
      rowId={(row) => `${row.resource_id} ${row.repository_id}`}
      to={(row) => `/databases/${row.resource_id}`}
      empty={{ icon: <Database />, title: t("plans:coversNothing"), lead: t("plans:coversNothingLead") }}
    />
  );
}
