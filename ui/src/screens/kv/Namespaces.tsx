import { KeyRound } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { kvNamespaceList, type NamespaceOut } from "@/api";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { DatabaseState } from "../databases/words";
import { CreateNamespace } from "./CreateNamespace";

export default function Namespaces() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, environments, isLoading } = useScope();
  const { creating, end, add } = useCreating("kv.new", t("kv:new"), can("kv.create"));
  const columns = useMemo<Column<NamespaceOut>[]>(
    () => [
      { id: "name", title: t("kv:name"), value: (row) => row.name, width: "minmax(160px, 2fr)", card: "title" },
      {
        id: "state",
        title: t("databases:state"),
        value: (row) => row.state,
        cell: (row) => <DatabaseState state={row.state} />,
        width: "minmax(110px, 1fr)",
        card: "side",
      },
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
        card: "line",
      },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, environments],
  );
  const source = useMemo<Source<NamespaceOut>>(
    () => ({
      key: ["kv_namespaces", "list", filter],
      waits: isLoading,
      page: ({ q, limit, cursor, signal }) =>
        data(kvNamespaceList({ query: { ...filter, limit, cursor, ...(q && { name: q }) }, signal })),
    }),
    [filter, isLoading],
  );
  return (
    <>
      <DataTable
        id="kv"
        label={t("kv:title")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        to={(row) => `/kv/${row.id}`}
        searchHint={t("kv:find")}
        empty={{ icon: <KeyRound />, title: t("kv:first"), lead: t("kv:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <CreateNamespace onClose={end} />}
    </>
  );
}
