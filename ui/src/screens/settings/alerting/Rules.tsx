import { BellOff, ListFilter } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { alertRuleList, type HoldfastFeaturesAlertsWireRuleOut as RuleOut } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { Severity, useTypeTitle } from "../../alerts/words";
import { RuleForm } from "./RuleForm";

/** How events are told otherwise than as shipped. */
export default function Rules() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter } = useScope();
  const [editing, setEditing] = useState<RuleOut | null>(null);
  const columns = useColumns();
  const able = can("alert.rule.manage");
  const { creating, end, add } = useCreating("rule.new", t("alerts:newRule"), able);
  const source = useMemo<Source<RuleOut>>(
    () => ({
      key: ["alert_rules", "list", filter.project_id],
      page: ({ limit, cursor, signal }) => data(alertRuleList({ query: { limit, cursor }, signal })),
    }),
    [filter.project_id],
  );
  return (
    <>
      <DataTable
        id="alert-rules"
        label={t("alerts:rules")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        {...(able && { onOpen: setEditing })}
        empty={{ icon: <ListFilter />, title: t("alerts:firstRule"), lead: t("alerts:firstRuleLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <RuleForm onClose={end} />}
      {editing && <RuleForm rule={editing} onClose={() => setEditing(null)} />}
    </>
  );
}

function useColumns() {
  const { t } = useTranslation();
  const title = useTypeTitle();
  const { projects } = useScope();
  return useMemo<Column<RuleOut>[]>(
    () => [
      { id: "name", title: t("alerts:name"), value: (row) => row.name, width: "minmax(140px, 1.2fr)", card: "title" },
      {
        id: "mode",
        title: t("alerts:mode"),
        value: (row) => row.mode,
        cell: (row) => (
          <Badge tone={row.mode === "immediate" ? "info" : "plain"} icon={row.mode === "off" ? <BellOff /> : undefined}>
            {t(`alerts:modes.${row.mode}`, { defaultValue: row.mode })}
          </Badge>
        ),
        width: "130px",
        card: "side",
      },
      {
        id: "events",
        title: t("alerts:events"),
        value: (row) => row.events.map(title).join(", ") || t("alerts:everything"),
        width: "minmax(180px, 2fr)",
        card: "line",
      },
      {
        id: "severity",
        title: t("alerts:severity"),
        value: (row) => row.severity,
        cell: (row) => (row.severity ? <Severity severity={row.severity} /> : t("alerts:asShipped")),
        width: "120px",
      },
      {
        id: "where",
        title: t("alerts:where"),
        value: (row) =>
          row.project_id
            ? (projects.find(({ id }) => id === row.project_id)?.name ?? row.project_id)
            : t("alerts:wholeServer"),
      },
      {
        id: "until",
        title: t("alerts:until"),
        value: (row) => row.until,
        cell: (row) => <Time at={row.until} />,
        width: "110px",
        card: "line",
      },
      {
        id: "enabled",
        title: t("alerts:state"),
        value: (row) => t(row.enabled ? "alerts:on" : "alerts:off"),
        width: "80px",
      },
    ],
    [t, title, projects],
  );
}
