import { useQuery } from "@tanstack/react-query";
import { Undo2, UserCheck } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { grantList, type ShownGrantOut } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Filter, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { useWhere } from "../shared/Place";
import { roles } from "../shared/roles";
import { has, wholly } from "../shared/wholly";
import { GiveRole } from "./GiveRole";
import { TakeBack } from "./TakeBack";

/** Every role given in a place: who holds what where. */
export function AllGrants() {
  const { t } = useTranslation();
  const can = useCan();
  const where = useWhere();
  const [taking, setTaking] = useState<readonly ShownGrantOut[]>([]);
  const { data: known } = useQuery(roles);
  const { creating, end, add } = useCreating("role.give", t("roles:give"), can("role.grant"));
  const columns = useMemo<Column<ShownGrantOut>[]>(
    () => [
      {
        id: "person",
        title: t("roles:person"),
        value: (row) => row.name || row.email,
        width: "minmax(160px, 1.4fr)",
        card: "title",
      },
      { id: "email", title: t("people:email"), value: (row) => row.email, width: "minmax(160px, 1.4fr)" },
      {
        id: "role",
        title: t("roles:one"),
        value: (row) => row.role,
        cell: (row) => <Badge>{row.role}</Badge>,
        card: "side",
      },
      { id: "where", title: t("roles:where"), value: where, width: "minmax(140px, 1.2fr)", card: "line" },
      {
        id: "since",
        title: t("roles:since"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
        card: "line",
      },
    ],
    [t, where],
  );
  const filters = useMemo<Filter[]>(
    () => [
      { id: "role", title: t("roles:one"), options: (known ?? []).map(({ name }) => ({ value: name, label: name })) },
    ],
    [t, known],
  );
  const source = useMemo<Source<ShownGrantOut>>(
    () => ({
      key: ["grants", "list"],
      page: ({ q, filters, limit, cursor, signal }) => {
        const role = filters.role?.[0] ? { role: filters.role[0] } : {};
        if (!q) return data(grantList({ query: { ...role, limit, cursor }, signal }));
        return wholly(
          (cursor) => data(grantList({ query: { ...role, limit: 200, cursor }, signal })),
          (row) => has(q, row.name, row.email),
        );
      },
    }),
    [],
  );
  const acts: BulkAct<ShownGrantOut>[] = can("role.grant")
    ? [
        {
          id: "take",
          title: t("roles:take"),
          icon: <Undo2 />,
          danger: true,
          run: (rows, clear) => {
            setTaking(rows);
            clear();
          },
        },
      ]
    : [];
  return (
    <>
      <DataTable
        id="grants"
        label={t("roles:who")}
        source={source}
        columns={columns}
        filters={filters}
        acts={acts}
        rowId={(row) => row.id}
        to={can("user.read") ? (row) => `/settings/people/${row.user_id}` : undefined}
        searchHint={t("roles:findPerson")}
        empty={{ icon: <UserCheck />, title: t("roles:noGrants"), lead: t("roles:noGrantsLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <GiveRole onClose={end} />}
      {taking.length > 0 && <TakeBack grants={taking} onClose={() => setTaking([])} />}
    </>
  );
}
