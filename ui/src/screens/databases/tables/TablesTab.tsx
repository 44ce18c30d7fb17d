import { useQuery } from "@tanstack/react-query";
import { Ellipsis, PencilLine, Plus, Table2, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, tableGet, tableList } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Select } from "@/parts/Field";
import { Item, Menu } from "@/parts/Menu";
import { Empty, Skeleton } from "@/parts/small";
import { count } from "@/parts/text";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { RowsView } from "./RowsView";
import { Structure } from "./Structure";
import { AlterTable, CreateTable, DropTable } from "./shapes";

const MOST_TABLES = 2000;

/** Every table, page after page. */
async function allTables(database: string) {
  const found = [];
  let cursor: string | null | undefined;
  do {
    const page = await data(
      tableList({ path: { database_id: database }, query: { limit: 200, ...(cursor && { cursor }) } }),
    );
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && found.length < MOST_TABLES);
  return found;
}

/** Tables at the left; of the one chosen, its rows or its structure. */
export default function TablesTab({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const can = useCan();
  const [typed, setTyped] = useState("");
  const [making, setMaking] = useState(false);
  const {
    data: found,
    error,
    refetch,
  } = useQuery({ queryKey: ["databases", database.id, "tables"], queryFn: () => allTables(database.id) });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found)
    return (
      <div className="grid gap-3 p-6">
        <Skeleton className="h-4 w-40" />
        <Skeleton className="h-4 w-56" />
        <Skeleton className="h-4 w-48" />
      </div>
    );
  const add = can("database.schema.write") && database.state === "ready" && (
    <Button icon={<Plus />} onClick={() => setMaking(true)}>
      {t("tables:create")}
    </Button>
  );
  const form = making && (
    <CreateTable
      database={database.id}
      onDone={(name) => {
        setMaking(false);
        void queries
          .invalidateQueries({ queryKey: ["databases", database.id] })
          .then(() => set({ table: found[0] ? `${found[0].schema}.${name}` : undefined }));
      }}
      onClose={() => setMaking(false)}
    />
  );
  const first = found.find((table) => !table.name.startsWith("_holdfast_")) ?? found[0];
  if (!first)
    return (
      <>
        <Empty icon={<Table2 />} title={t("databases:noTables")} lead={t("databases:noTablesLead")} action={add} />
        {form}
      </>
    );
  const path = (table: { schema: string; name: string }) => `${table.schema}.${table.name}`;
  const here = found.find((table) => path(table) === search.table) ?? first;
  const many = new Set(found.map(({ schema }) => schema)).size > 1;
  const name = (table: typeof here) => (many ? path(table) : table.name);
  const go = (to: string) => set({ table: to, q: undefined, sort: undefined, where: undefined }, true);
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
                  title={path(table)}
                  onClick={() => go(path(table))}
                  className={cx(
                    "inset-ring-focus flex h-7 w-full items-center gap-2 rounded-md px-2 text-left",
                    table === here
                      ? "bg-accent-soft font-medium text-accent-text"
                      : "text-muted hover:bg-hover hover:text-text",
                  )}
                >
                  <span className="min-w-0 flex-1 truncate">{name(table)}</span>
                  <span className="shrink-0 text-2xs text-faint">
                    {table.kind !== "table" ? table.kind : table.rows === null ? "" : count(table.rows)}
                  </span>
                </button>
              </li>
            ))}
        </ul>
        {add && <div className="shrink-0 border-t p-2">{add}</div>}
      </nav>
      {form}
      <OneTable key={path(here)} database={database} schema={here.schema} table={here.name} />
    </div>
  );
}

function OneTable({ database, schema, table }: { database: DatabaseOut; schema: string; table: string }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const {
    data: shape,
    error,
    refetch,
  } = useQuery({
    queryKey: ["databases", database.id, "tables", schema, table],
    queryFn: () => data(tableGet({ path: { database_id: database.id, table }, query: { schema } })),
  });
  const can = useCan();
  const parts = can("database.query.read") ? (["rows", "structure"] as const) : (["structure"] as const);
  const part = search.part === "structure" ? "structure" : parts[0];
  const [asked, setAsked] = useState<"alter" | "drop" | null>(null);
  const changed = (name?: string) => {
    setAsked(null);
    set({ table: name ? `${schema}.${name}` : undefined });
    void queries.invalidateQueries({ queryKey: ["databases", database.id] });
  };
  const shapable = shape?.kind === "table" && can("database.schema.write") && database.state === "ready";
  return (
    <div className="flex min-h-0 min-w-0 flex-col">
      <div className="flex h-9 shrink-0 items-center gap-1 border-b px-3">
        {parts.map((each) => (
          <button
            key={each}
            type="button"
            aria-pressed={part === each}
            onClick={() => set({ part: each === "rows" ? undefined : each })}
            className={cx(
              "h-6 rounded-md px-2 font-medium text-xs",
              part === each ? "bg-hover text-text" : "text-muted hover:text-text",
            )}
          >
            {t(`tables:${each}`)}
          </button>
        ))}
        <span className="flex-1" />
        {shapable && (
          <Menu
            align="end"
            trigger={<Button look="quiet" size="icon" aria-label={t("tables:change")} icon={<Ellipsis />} />}
          >
            <Item icon={<PencilLine />} onSelect={() => setAsked("alter")}>
              {t("tables:alter")}
            </Item>
            <Item icon={<Trash2 />} danger onSelect={() => setAsked("drop")}>
              {t("tables:drop")}
            </Item>
          </Menu>
        )}
        {shape && asked === "alter" && (
          <AlterTable database={database.id} shape={shape} onDone={changed} onClose={() => setAsked(null)} />
        )}
        {shape && asked === "drop" && (
          <DropTable database={database.id} shape={shape} onDone={changed} onClose={() => setAsked(null)} />
        )}
      </div>
      <div className="min-h-0 flex-1">
        {error ? (
          <ErrorPanel error={error} retry={() => void refetch()} />
        ) : !shape ? (
          <div className="grid gap-3 p-4">
            <Skeleton className="h-4 w-64" />
            <Skeleton className="h-4 w-52" />
          </div>
        ) : part === "rows" ? (
          <RowsView database={database} shape={shape} />
        ) : (
          <Structure shape={shape} />
        )}
      </div>
    </div>
  );
}
