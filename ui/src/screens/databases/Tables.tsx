import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Table2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, type RowOut, rowList, tableGet, tableList } from "@/api";
import { cx } from "@/parts/classes";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Select } from "@/parts/Field";
import { Empty, Skeleton } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source, Value } from "@/parts/table/types";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { Cell } from "./Cell";

/** Tables at the left, rows of the one chosen; read-only. */
export function Tables({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const [typed, setTyped] = useState("");
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["databases", database.id, "tables"],
    queryFn: async () => (await data(tableList({ path: { database_id: database.id }, query: { limit: 200 } }))).items,
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found)
    return (
      <div className="grid gap-3 p-6">
        <Skeleton className="h-4 w-40" />
        <Skeleton className="h-4 w-56" />
        <Skeleton className="h-4 w-48" />
      </div>
    );
  const first = found[0];
  if (!first) return <Empty icon={<Table2 />} title={t("databases:noTables")} lead={t("databases:noTablesLead")} />;
  const path = (table: { schema: string; name: string }) => `${table.schema}.${table.name}`;
  const here = found.find((table) => path(table) === search.table) ?? first;
  const many = new Set(found.map(({ schema }) => schema)).size > 1;
  const name = (table: typeof here) => (many ? path(table) : table.name);
  const go = (to: string) => set({ table: to, q: undefined, sort: undefined, cols: undefined }, true);
  return (
    <div className="grid h-full min-h-0 grid-rows-[auto_minmax(0,1fr)] sm:grid-cols-[216px_minmax(0,1fr)] sm:grid-rows-1">
      <div className="border-b p-3 sm:hidden">
        <Select aria-label={t("databases:tables")} value={path(here)} onChange={(event) => go(event.target.value)}>
          {found.map((table) => (
            <option key={path(table)} value={path(table)}>
              {name(table)}
            </option>
          ))}
        </Select>
      </div>
      <nav aria-label={t("databases:tables")} className="hidden min-h-0 flex-col border-r sm:flex">
        {found.length > 8 && (
          <input
            type="search"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            placeholder={t("databases:findTable")}
            aria-label={t("databases:findTable")}
            className="mx-3 mt-2 mb-1 h-8 rounded-md border bg-page px-2.5"
          />
        )}
        <ul className="min-h-0 flex-1 overflow-y-auto p-2">
          {found
            .filter((table) => path(table).toLowerCase().includes(typed.toLowerCase()))
            .map((table) => (
              <li key={path(table)}>
                <button
                  type="button"
                  aria-current={table === here || undefined}
                  onClick={() => go(path(table))}
                  className={cx(
                    "inset-ring-focus flex h-7 w-full items-center gap-2 rounded-md px-2 text-left",
                    table === here
                      ? "bg-accent-soft font-medium text-accent-text"
                      : "text-muted hover:bg-hover hover:text-text",
                  )}
                >
                  <span className="min-w-0 flex-1 truncate">{name(table)}</span>
                  {table.kind !== "table" && <span className="text-2xs text-faint">{table.kind}</span>}
                </button>
              </li>
            ))}
        </ul>
      </nav>
      <div className="min-h-0 min-w-0">
        <TableRows key={path(here)} database={database} schema={here.schema} table={here.name} />
      </div>
    </div>
  );
}

function TableRows({ database, schema, table }: { database: DatabaseOut; schema: string; table: string }) {
  const { t } = useTranslation();
  const path = { database_id: database.id, table };
  const {
    data: shape,
    error,
    refetch,
  } = useQuery({
    queryKey: ["databases", database.id, "tables", schema, table],
    queryFn: () => data(tableGet({ path, query: { schema } })),
    placeholderData: keepPreviousData,
  });
  const columns = useMemo<Column<RowOut>[]>(
    () =>
      ((shape?.columns ?? []) as { name: string; type: string | null }[]).map(({ name, type }, at) => ({
        id: name,
        title: name,
        value: (row) => asValue(row.values[name]),
        cell: (row) => <Cell value={row.values[name]} />,
        numeric: /int|numeric|decimal|real|double|float|serial/i.test(type ?? ""),
        width: "minmax(120px, 1fr)",
        card: at === 0 ? "title" : at < 4 ? "line" : undefined,
      })),
    [shape],
  );
  const source = useMemo<Source<RowOut>>(
    () => ({
      key: ["databases", database.id, "rows", schema, table],
      sorts: true,
      page: async ({ q, sort, limit, cursor, signal }) => {
        const found = await data(
          rowList({
            path: { database_id: database.id, table },
            query: { schema, limit, cursor, ...(q && { search: q }), ...(sort.length > 0 && { order: [...sort] }) },
            signal,
          }),
        );
        return { items: found.rows, next_cursor: found.next_cursor };
      },
    }),
    [database.id, schema, table],
  );
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (columns.length === 0) return null;
  return (
    <DataTable
      id={table}
      label={table}
      source={source}
      columns={columns}
      rowId={(row) => JSON.stringify(row.key ?? row.values)}
      searchHint={t("databases:findRow")}
      empty={(narrowed) => (
        <Empty dull icon={<Table2 />} title={narrowed ? t("shell:noMatch") : t("databases:noRows")} />
      )}
    />
  );
}

function asValue(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return JSON.stringify(value);
}
