import { Key, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type KvKeyOut, kvKeyList, kvValueDelete, type NamespaceOut } from "@/api";
import { Confirm } from "@/parts/Confirm";
import { Size, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { PutSheet } from "./PutSheet";
import { ValueSheet } from "./ValueSheet";
import { batches, keysOf, momentOf } from "./values";

/** The keys of a namespace in the order of their bytes; searched by how they begin. */
export function Keys({ namespace }: { namespace: NamespaceOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const { id } = namespace;
  const { creating, end, add } = useCreating("kv.put", t("kv:put"), can("kv.write"));
  const [opened, open] = useState<string | null>(null);
  const [dropping, drop] = useState<{ rows: KvKeyOut[]; clear: () => void } | null>(null);
  const columns = useMemo<Column<KvKeyOut>[]>(
    () => [
      {
        id: "name",
        title: t("kv:key"),
        value: (row) => row.name,
        cell: (row) => <span className="font-mono text-xs">{row.name}</span>,
        width: "minmax(200px, 3fr)",
        card: "title",
      },
      {
        id: "size",
        title: t("kv:size"),
        value: (row) => row.size,
        cell: (row) => <Size of={row.size} />,
        numeric: true,
        width: "90px",
        card: "side",
      },
      {
        id: "expiration",
        title: t("kv:expires"),
        value: (row) => momentOf(row.expiration),
        cell: (row) => <Time at={momentOf(row.expiration)} />,
        width: "130px",
        card: "line",
      },
      {
        id: "metadata",
        title: t("kv:metadata"),
        value: (row) => (row.metadata === null ? null : JSON.stringify(row.metadata)),
        cell: (row) =>
          row.metadata === null ? null : <code className="truncate text-xs">{JSON.stringify(row.metadata)}</code>,
        width: "minmax(120px, 2fr)",
      },
    ],
    [t],
  );
  const source = useMemo<Source<KvKeyOut>>(
    () => ({
      key: keysOf(id),
      page: ({ q, limit, cursor, signal }) =>
        data(kvKeyList({ path: { kv_namespace_id: id }, query: { limit, cursor, ...(q && { prefix: q }) }, signal })),
    }),
    [id],
  );
  const acts = useMemo<BulkAct<KvKeyOut>[]>(
    () =>
      can("kv.write")
        ? [
            {
              id: "delete",
              title: t("kv:deleteKeys"),
              icon: <Trash2 />,
              danger: true,
              run: (rows, clear) => drop({ rows, clear }),
            },
          ]
        : [],
    [t, can],
  );
  return (
    <>
      <DataTable
        id="kv-keys"
        label={t("kv:keys")}
        source={source}
        columns={columns}
        acts={acts}
        rowId={(row) => row.name}
        onOpen={(row) => open(row.name)}
        searchHint={t("kv:prefix")}
        empty={{ icon: <Key />, title: t("kv:noKeys"), lead: t("kv:noKeysLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <PutSheet namespace={id} of={null} onClose={end} />}
      {opened !== null && <ValueSheet namespace={id} name={opened} onClose={() => open(null)} />}
      {dropping && (
        <Confirm
          open
          onOpenChange={(isOpen) => !isOpen && drop(null)}
          danger
          title={t("kv:deleteKeysTitle", { count: dropping.rows.length })}
          lead={t("kv:deleteKeysLead")}
          verb={t("kv:deleteKeys")}
          act={async () => {
            for (const keys of batches(dropping.rows.map(({ name }) => name)))
              await data(kvValueDelete({ path: { kv_namespace_id: id }, body: { keys } }));
            await queries.invalidateQueries({ queryKey: keysOf(id) });
            toast.good(t("kv:keysDeleted", { count: dropping.rows.length }));
            dropping.clear();
          }}
        />
      )}
    </>
  );
}
