import { CalendarClock, Pause, Play } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type PlanOut, planList, planRun, planUpdate } from "@/api";
import { PageTabs } from "@/parts/Page";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Filter, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { useEach } from "@/parts/useEach";
import { data, once } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { PlanForm } from "./PlanForm";
import { Turns } from "./Turns";
import { Gaps, Late, Unprotected } from "./Watch";
import { useWords } from "./words";

/** The plans, what they leave uncovered or late, and what all of them did. */
export default function Plans() {
  const { t } = useTranslation();
  const some = { late: <Late />, gaps: <Gaps />, unprotected: <Unprotected />, turns: <Turns /> };
  return (
    <div className="flex h-full flex-col">
      <PageTabs
        label={t("plans:title")}
        tabs={[
          { id: "list", title: t("plans:title"), body: <List />, full: true },
          ...Object.entries(some).map(([id, body]) => ({ id, title: t(`plans:tabs.${id}`), body, full: true })),
        ]}
      />
    </div>
  );
}

function List() {
  const { t } = useTranslation();
  const can = useCan();
  const each = useEach();
  const { filter, project, environments } = useScope();
  const { rhythm, selected } = useWords();
  const { creating, end, add } = useCreating("plan.new", t("plans:new"), can("plan.write") && project !== null);

  const columns = useMemo<Column<PlanOut>[]>(() => {
    const places = Object.fromEntries(environments.map(({ id, name }) => [id, name]));
    return [
      { id: "name", title: t("plans:name"), value: (row) => row.name, width: "minmax(160px, 1.6fr)", card: "title" },
      {
        id: "enabled",
        title: t("plans:state"),
        value: (row) => (row.enabled ? t("plans:on_") : t("plans:off")),
        cell: (row) => <PlanState enabled={row.enabled} />,
        width: "minmax(90px, 0.6fr)",
        card: "side",
      },
      {
        id: "schedules",
        title: t("plans:when"),
        value: (row) => row.schedules.map(rhythm).join(", "),
        width: "minmax(160px, 1.6fr)",
        card: "line",
      },
      {
        id: "next",
        title: t("plans:next"),
        value: (row) => row.next_at,
        cell: (row) => <Time at={row.next_at} />,
        width: "130px",
        card: "line",
      },
      {
        id: "selection",
        title: t("plans:what"),
        value: (row) => selected(row.selection),
        width: "minmax(140px, 1.2fr)",
      },
      {
        id: "environments",
        title: t("plans:environments"),
        value: (row) =>
          row.environment_ids.length ? row.environment_ids.map((id) => places[id] ?? id).join(", ") : t("plans:every_"),
      },
      {
        id: "changed",
        title: t("plans:changed"),
        value: (row) => row.updated_at,
        cell: (row) => <Time at={row.updated_at} />,
        width: "130px",
        spare: true,
      },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ];
  }, [t, environments, rhythm, selected]);

  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "enabled",
        title: t("plans:state"),
        options: [
          { value: "true", label: t("plans:on_") },
          { value: "false", label: t("plans:off") },
        ],
      },
    ],
    [t],
  );

  const source = useMemo<Source<PlanOut>>(
    () => ({
      key: ["plans", "list", filter.project_id],
      page: ({ q, filters, limit, cursor, signal }) =>
        data(
          planList({
            query: {
              limit,
              cursor,
              ...(filter.project_id && { project_id: filter.project_id }),
              ...(q && { name: q }),
              ...(filters.enabled && { enabled: filters.enabled[0] === "true" }),
            },
            signal,
          }),
        ),
    }),
    [filter],
  );

  const acts: BulkAct<PlanOut>[] = [];
  if (can("plan.run"))
    acts.push({
      id: "run",
      title: t("plans:run"),
      icon: <Play />,
      run: (rows, clear) =>
        each(rows, (row) => data(planRun({ path: { plan_id: row.id }, body: {}, headers: once() })), clear),
    });
  if (can("plan.write"))
    for (const enabled of [true, false])
      acts.push({
        id: enabled ? "on" : "off",
        title: t(enabled ? "plans:switchOn" : "plans:switchOff"),
        icon: enabled ? <CalendarClock /> : <Pause />,
        run: (rows, clear) =>
          each(
            rows,
            (row) =>
              data(
                planUpdate({
                  path: { plan_id: row.id },
                  body: { enabled },
                  headers: { "If-Match": `"v${row.version}"` },
                }),
              ),
            clear,
          ),
      });

  return (
    <>
      <DataTable
        id="plans"
        label={t("plans:title")}
        source={source}
        columns={columns}
        filters={filters}
        acts={acts}
        rowId={(row) => row.id}
        to={(row) => `/plans/${row.id}`}
        searchHint={t("plans:find")}
        empty={{ icon: <CalendarClock />, title: t("plans:first"), lead: t("plans:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <PlanForm onClose={end} />}
    </>
  );
}

export function PlanState({ enabled }: { enabled: boolean }) {
  const { t } = useTranslation();
  return enabled ? (
    <Badge tone="good" icon={<CalendarClock />}>
      {t("plans:on_")}
    </Badge>
  ) : (
    <Badge icon={<Pause />}>{t("plans:off")}</Badge>
  );
}
