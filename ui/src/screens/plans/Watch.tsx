import { CircleCheck, ShieldAlert } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type GapOut, type LateOut, planGaps, planLate, planUnprotected, type UnprotectedOut } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { lasted } from "@/parts/text";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";

/** Databases that should have a newer snapshot. */
export function Late() {
  const { t } = useTranslation();
  const { project, isLoading } = useScope();
  const id = project?.id ?? "";
  const columns = useMemo<Column<LateOut>[]>(
    () => [
      {
        id: "name",
        title: t("plans:database"),
        value: (row) => row.resource_name,
        width: "minmax(150px, 1.6fr)",
        card: "title",
      },
      { id: "plan", title: t("plans:plan"), value: (row) => row.plan_name, width: "minmax(120px, 1fr)", card: "line" },
      {
        id: "reason",
        title: t("plans:reason"),
        value: (row) => t(`plans:reasons.${row.reason}`, { defaultValue: row.reason }),
        cell: (row) => (
          <Badge tone="bad" icon={<ShieldAlert />}>
            {t(`plans:reasons.${row.reason}`, { defaultValue: row.reason })}
          </Badge>
        ),
        width: "minmax(140px, 1fr)",
        card: "side",
      },
      {
        id: "due",
        title: t("plans:due"),
        value: (row) => row.due_at,
        cell: (row) => <Time at={row.due_at} />,
        width: "130px",
      },
      {
        id: "last",
        title: t("plans:lastGood"),
        value: (row) => row.last_success_at,
        cell: (row) => <Time at={row.last_success_at} />,
        width: "150px",
        card: "line",
      },
    ],
    [t],
  );
  const source = useMemo<Source<LateOut>>(
    () => ({
      key: ["plans", "late", id],
      waits: isLoading || !id,
      page: ({ limit, cursor, signal }) =>
        data(planLate({ path: { project_id: id }, query: { limit, cursor }, signal })),
    }),
    [id, isLoading],
  );
  return (
    <DataTable
      id="late"
      label={t("plans:tabs.late")}
      source={source}
      columns={columns}
      rowId={(row) => `${row.plan_id} ${row.resource_id} ${row.repository_id}`}
      to={(row) => `/databases/${row.resource_id}`}
      empty={{ icon: <CircleCheck />, title: t("plans:noLate"), lead: t("plans:noLateLead") }}
    />
  );
}

/** Times without a good snapshot that were longer than a plan allows. */
export function Gaps() {
  const { t } = useTranslation();
  const { project, isLoading } = useScope();
  const id = project?.id ?? "";
  const columns = useMemo<Column<GapOut>[]>(
    () => [
      {
        id: "name",
        title: t("plans:database"),
        value: (row) => row.resource_name,
        width: "minmax(150px, 1.6fr)",
        card: "title",
      },
      { id: "plan", title: t("plans:plan"), value: (row) => row.plan_name, width: "minmax(120px, 1fr)", card: "line" },
      {
        id: "began",
        title: t("plans:began"),
        value: (row) => row.began,
        cell: (row) => <Time at={row.began} />,
        width: "130px",
        card: "line",
      },
      {
        id: "ended",
        title: t("plans:endedAt"),
        value: (row) => row.ended,
        cell: (row) => <Time at={row.ended} />,
        width: "130px",
      },
      {
        id: "seconds",
        title: t("plans:length"),
        value: (row) => row.seconds,
        cell: (row) => lasted(row.seconds),
        numeric: true,
        width: "120px",
        card: "side",
      },
      {
        id: "allowed",
        title: t("plans:allowed"),
        value: (row) => row.allowed_seconds,
        cell: (row) => lasted(row.allowed_seconds),
        numeric: true,
        width: "120px",
      },
    ],
    [t],
  );
  const source = useMemo<Source<GapOut>>(
    () => ({
      key: ["plans", "gaps", id],
      waits: isLoading || !id,
      page: ({ limit, cursor, signal }) =>
        data(planGaps({ path: { project_id: id }, query: { limit, cursor }, signal })),
    }),
    [id, isLoading],
  );
  return (
    <DataTable
      id="gaps"
      label={t("plans:tabs.gaps")}
      source={source}
      columns={columns}
      rowId={(row) => `${row.plan_id} ${row.resource_id} ${row.repository_id} ${row.began}`}
      to={(row) => `/databases/${row.resource_id}`}
      empty={{ icon: <CircleCheck />, title: t("plans:noGaps"), lead: t("plans:noGapsLead") }}
    />
  );
}

/** Databases that no plan covers. */
export function Unprotected() {
  const { t } = useTranslation();
  const { project, environments, isLoading } = useScope();
  const id = project?.id ?? "";
  const columns = useMemo<Column<UnprotectedOut>[]>(
    () => [
      {
        id: "name",
        title: t("plans:database"),
        value: (row) => row.name,
        width: "minmax(160px, 2fr)",
        card: "title",
      },
      { id: "engine", title: t("databases:engine"), value: (row) => row.engine, card: "line" },
      {
        id: "environment",
        title: t("shell:environment"),
        value: (row) => environments.find((each) => each.id === row.environment_id)?.name ?? row.environment_id,
        card: "line",
      },
      {
        id: "created",
        title: t("databases:created"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "130px",
        card: "side",
      },
    ],
    [t, environments],
  );
  const source = useMemo<Source<UnprotectedOut>>(
    () => ({
      key: ["unprotected", "list", id],
      waits: isLoading || !id,
      page: ({ limit, cursor, signal }) =>
        data(planUnprotected({ path: { project_id: id }, query: { limit, cursor }, signal })),
    }),
    [id, isLoading],
  );
  return (
    <DataTable
      id="unprotected"
      label={t("plans:tabs.unprotected")}
      source={source}
      columns={columns}
      rowId={(row) => row.id}
      to={(row) => `/databases/${row.id}`}
      empty={{ icon: <CircleCheck />, title: t("plans:noUnprotected"), lead: t("plans:noUnprotectedLead") }}
    />
  );
}
