import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, Table2 } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotRows } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Skeleton } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { count } from "@/parts/text";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { contents, tablesOf } from "./contents";

interface Listed {
  label: string;
  kind: string;
  rows: number;
  columns: number;
}
const SAMPLE = 100;

/** The tables of a snapshot; one of them opened is its first rows, straight out of the snapshot. */
export function Tables({ snapshot }: { snapshot: SnapshotOut }) {
  const [search] = useAddress();
  const can = useCan();
  return search.table && can("snapshot.download") ? (
    <Sample key={search.table} id={snapshot.id} table={search.table} />
  ) : (
    <List id={snapshot.id} />
  );
}

function List({ id }: { id: string }) {
  const { t } = useTranslation();
  const can = useCan();
  const [, set] = useAddress();
  const opens = can("snapshot.download");
  const columns = useMemo<Column<Listed>[]>(
    () => [
      {
        id: "table",
        title: t("snapshots:table"),
        value: (row) => row.label,
        cell: (row) =>
          opens ? (
            <button
              type="button"
              className="font-medium after:absolute after:inset-0 hover:underline"
              onClick={() => set({ table: row.label, sort: undefined, cols: undefined }, true)}
            >
              {row.label}
            </button>
          ) : (
            row.label
          ),
        width: "minmax(200px, 3fr)",
        card: "title",
      },
      { id: "kind", title: t("snapshots:kind"), value: (row) => row.kind, width: "120px", card: "line" },
      { id: "columns", title: t("snapshots:columnsTitle"), value: (row) => row.columns, numeric: true, width: "120px" },
      {
        id: "rows",
        title: t("snapshots:rows"),
        value: (row) => row.rows,
        cell: (row) => count(row.rows),
        onCard: (row) => (
          <span className="text-muted text-xs">
            {t("snapshots:rowCount", { count: row.rows, shown: count(row.rows) })}
          </span>
        ),
        numeric: true,
        width: "140px",
        card: "side",
      },
    ],
    [t, opens, set],
  );
  const source = useMemo<Source<Listed>>(
    () => ({
      key: contents(id, "tables", "list"),
      page: async () => {
        const items = await queries.fetchQuery(tablesOf(id));
        return {
          items: items.map((each) => ({
            label: each.schema ? `${each.schema}.${each.name}` : each.name,
            kind: each.kind,
            rows: each.rows,
            columns: each.columns.length,
          })),
        };
      },
    }),
    [id],
  );
  return (
    <DataTable
      id="snapshot-tables"
      label={t("snapshots:tables")}
      source={source}
      columns={columns}
      rowId={(row) => row.label}
      empty={{ icon: <Table2 />, title: t("snapshots:noTables") }}
    />
  );
}

type Row = { at: number; values: readonly unknown[] };

function Sample({ id, table }: { id: string; table: string }) {
  const { t } = useTranslation();
  const [, set] = useAddress();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: contents(id, "rows", table),
    queryFn: () => data(snapshotRows({ path: { snapshot_id: id, table }, query: { limit: SAMPLE } })),
  });
  const columns = useMemo<Column<Row>[]>(
    () =>
      (found?.columns ?? []).map(({ name }, at) => ({
        id: String(name),
        title: String(name),
        value: (row) => text(row.values[at]),
        width: "minmax(120px, 1fr)",
        card: at === 0 ? "title" : at < 3 ? "line" : undefined,
      })) as Column<Row>[],
    [found],
  );
  const source = useMemo<Source<Row>>(
    () => ({
      key: contents(id, "rows", table, "shown"),
      page: async () => ({ items: (found?.rows ?? []).map((values, at) => ({ at, values })) }),
      waits: !found,
    }),
    [found, id, table],
  );
  const back = (
    <Button
      look="quiet"
      size="small"
      icon={<ChevronLeft />}
      onClick={() => set({ table: undefined, sort: undefined, cols: undefined }, true)}
    >
      {t("snapshots:tables")}
    </Button>
  );
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex items-center gap-2 border-b px-2 py-2 sm:px-4">
        {back}
        <h2 className="min-w-0 truncate font-semibold text-sm">{table}</h2>
        <span className="text-muted text-xs">{t("snapshots:firstRows", { count: SAMPLE })}</span>
      </div>
      {error ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : found ? (
        <div className="min-h-0 flex-1">
          <DataTable
            id="sample"
            label={table}
            source={source}
            columns={columns}
            rowId={(row) => String(row.at)}
            empty={{ icon: <Table2 />, title: t("snapshots:noRows") }}
          />
        </div>
      ) : (
        <Skeleton className="m-6 h-24" />
      )}
    </div>
  );
}

function text(value: unknown): string | number | boolean | null {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  return typeof value === "string" ? value : JSON.stringify(value);
}
