import { KeyRound } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { keyList } from "@/api";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { has, wholly } from "../shared/wholly";
import { KeyForm } from "./KeyForm";
import { isOver, KeyBadge, type KeyOut, keyState, useKeyWords } from "./words";

/** Keys that let someone in; those that ended only when they are asked for. */
export default function Keys() {
  const { t } = useTranslation();
  const can = useCan();
  const { may, where } = useKeyWords();
  const { creating, end, add } = useCreating("key.new", t("apikeys:new"), can("key.create"));
  const columns: Column<KeyOut>[] = [
    { id: "name", title: t("apikeys:name"), value: (row) => row.name, width: "minmax(150px, 1.5fr)", card: "title" },
    {
      id: "state",
      title: t("apikeys:state"),
      value: (row) => t(`apikeys:states.${keyState(row)}`),
      cell: (row) => <KeyBadge of={row} />,
      width: "130px",
      card: "side",
    },
    { id: "may", title: t("apikeys:may"), value: may, width: "minmax(120px, 1fr)", card: "line" },
    { id: "where", title: t("apikeys:where"), value: where, width: "minmax(130px, 1fr)" },
    {
      id: "used",
      title: t("apikeys:used"),
      value: (row) => row.last_used_at,
      cell: (row) => (row.last_used_at ? <Time at={row.last_used_at} /> : t("apikeys:never")),
      onCard: (row) => (
        <>
          {t("apikeys:used")} <Time at={row.last_used_at} />
        </>
      ),
      width: "120px",
      card: "line",
    },
    {
      id: "expires",
      title: t("apikeys:expires"),
      value: (row) => row.expires_at,
      cell: (row) => (row.expires_at ? <Time at={row.expires_at} /> : t("apikeys:never")),
      width: "120px",
    },
    {
      id: "prefix",
      title: t("apikeys:prefix"),
      value: (row) => `hf_${row.prefix}`,
      cell: (row) => <code className="text-xs">hf_{row.prefix}</code>,
      width: "140px",
    },
    {
      id: "made",
      title: t("apikeys:made"),
      value: (row) => row.created_at,
      cell: (row) => <Time at={row.created_at} />,
      width: "120px",
      spare: true,
    },
    { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
  ];
  const filters = useMemo<Filter[]>(
    () => [{ id: "show", title: t("apikeys:show"), options: [{ value: "ended", label: t("apikeys:ended") }] }],
    [t],
  );
  const source = useMemo<Source<KeyOut>>(
    () => ({
      key: ["keys", "list"],
      page: ({ q, filters, signal }) =>
        wholly(
          (cursor) => data(keyList({ query: { limit: 200, cursor }, signal })),
          (row) => has(q, row.name, `hf_${row.prefix}`) && isOver(row) === (filters.show !== undefined),
        ),
    }),
    [],
  );
  return (
    <>
      <DataTable
        id="keys"
        label={t("apikeys:title")}
        source={source}
        columns={columns}
        filters={filters}
        rowId={(row) => row.id}
        to={(row) => `/settings/keys/${row.id}`}
        searchHint={t("apikeys:find")}
        empty={{ icon: <KeyRound />, title: t("apikeys:first"), lead: t("apikeys:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <KeyForm onClose={end} />}
    </>
  );
}
