import { ShieldCheck, Users } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type UserOut, userList } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useCan, useWho } from "@/shell/session";
import { has, wholly } from "../shared/wholly";
import { InviteSheet } from "./InviteSheet";
import { nameOf, PersonState, stateOf } from "./words";

export function People() {
  const { t } = useTranslation();
  const can = useCan();
  const who = useWho();
  const { creating, end, add } = useCreating("people.invite", t("people:invite"), can("user.invite"));
  const columns = useMemo<Column<UserOut>[]>(
    () => [
      {
        id: "name",
        title: t("people:name"),
        value: nameOf,
        cell: (row) => (
          <>
            {nameOf(row)} {row.id === who.id && <Badge>{t("people:you")}</Badge>}
          </>
        ),
        width: "minmax(160px, 1.6fr)",
        card: "title",
      },
      { id: "email", title: t("people:email"), value: (row) => row.email, width: "minmax(160px, 1.6fr)", card: "line" },
      { id: "role", title: t("people:role"), value: (row) => row.role, width: "minmax(90px, 0.7fr)", card: "line" },
      {
        id: "factor",
        title: t("people:factor"),
        value: (row) => t(row.second_factor ? "people:has" : "people:hasNot"),
        cell: (row) =>
          row.second_factor ? (
            <Badge tone="good" icon={<ShieldCheck />}>
              {t("people:has")}
            </Badge>
          ) : (
            <span className="text-muted">{t("people:hasNot")}</span>
          ),
        width: "130px",
      },
      {
        id: "seen",
        title: t("people:seen"),
        value: (row) => row.last_seen_at,
        cell: (row) => <Time at={row.last_seen_at} />,
        width: "120px",
        card: "line",
      },
      {
        id: "state",
        title: t("people:state"),
        value: (row) => t(`people:states.${stateOf(row)}`),
        cell: (row) => <PersonState state={stateOf(row)} />,
        width: "130px",
        card: "side",
      },
      {
        id: "made",
        title: t("people:made"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
        spare: true,
      },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, who.id],
  );
  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "state",
        title: t("people:state"),
        options: ["active", "disabled", "deleted"].map((value) => ({ value, label: t(`people:states.${value}`) })),
      },
      {
        id: "factor",
        title: t("people:factor"),
        options: ["has", "hasNot"].map((value) => ({ value, label: t(`people:${value}`) })),
      },
    ],
    [t],
  );
  const source = useMemo<Source<UserOut>>(
    () => ({
      key: ["people", "list"],
      page: ({ q, filters, limit, cursor, signal }) => {
        const state = filters.state?.[0];
        const factor = filters.factor?.[0];
        const deleted = state === "deleted";
        if (!q && !factor && (!state || deleted)) return data(userList({ query: { deleted, limit, cursor }, signal }));
        return wholly(
          (cursor) => data(userList({ query: { deleted, limit: 200, cursor }, signal })),
          (row) =>
            has(q, row.name, row.email) &&
            (!state || stateOf(row) === state) &&
            (!factor || row.second_factor === (factor === "has")),
        );
      },
    }),
    [],
  );
  return (
    <>
      <DataTable
        id="people"
        label={t("people:title")}
        source={source}
        columns={columns}
        filters={filters}
        rowId={(row) => row.id}
        to={(row) => `/settings/people/${row.id}`}
        searchHint={t("people:find")}
        empty={{ icon: <Users />, title: t("people:first"), lead: t("people:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <InviteSheet onClose={end} />}
    </>
  );
}
