import { useInfiniteQuery } from "@tanstack/react-query";
import { Plus, Table2, Trash2, X } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, rowDelete, rowInsert, rowSearch, rowUpdate, type ShapeOut } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel, sentence } from "@/parts/ErrorPanel";
import { Input } from "@/parts/Field";
import { Empty, Skeleton } from "@/parts/small";
import { count } from "@/parts/text";
import { useAddress } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { useShortcut } from "@/shell/useShortcut";
import { ResultGrid } from "../sql/ResultGrid";
import { textOf } from "../sql/values";
import { type Edits, edited, filterOf, fromAddress, linkOf, nextSort, toAddress, without } from "./edits";
import { FilterForm } from "./FilterForm";
import { RowForm } from "./RowForm";

const PAGE = 200;
const NONE: Edits = new Map();
const NO_ROWS: ReadonlySet<number> = new Set();

/** Rows by key, page after page; changes are staged until they are saved. */
export function RowsView({ database, shape }: { database: DatabaseOut; shape: ShapeOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [search, set] = useAddress();
  const [edits, setEdits] = useState<Edits>(NONE);
  const [failed, setFailed] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [picked, setPicked] = useState<ReadonlySet<number>>(NO_ROWS);
  const [asked, setAsked] = useState<"insert" | "delete" | null>(null);
  const { q = "", sort: sorted, where: address } = search;
  const sort = useMemo(() => (sorted ? sorted.split(",") : []), [sorted]);
  const where = useMemo(() => fromAddress(address), [address]);
  const path = { database_id: database.id, table: shape.name };
  const key = ["databases", database.id, "rows", shape.schema, shape.name];
  const found = useInfiniteQuery({
    queryKey: [...key, q, sort, where],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      data(
        rowSearch({
          path,
          query: { schema: shape.schema },
          body: {
            limit: PAGE,
            order: sort,
            filters: where.map((each) =>
              filterOf(each, shape.columns.find(({ name }) => name === each.column)?.type ?? null),
            ),
            ...(q && { search: q }),
            ...(pageParam && { cursor: pageParam }),
          },
          signal,
        }),
      ),
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  });
  const pages = found.data?.pages;
  const columns = useMemo(() => pages?.[0]?.columns ?? [], [pages]);
  const items = useMemo(() => pages?.flatMap(({ rows }) => rows) ?? [], [pages]);
  const rows = useMemo(
    () =>
      items.map((row) => {
        const staged = edits.get(JSON.stringify(row.key));
        return columns.map(({ name }) => (staged && name in staged ? staged[name] : row.values[name]));
      }),
    [items, columns, edits],
  );
  const writable = shape.editable && can("database.query.write", "row.write") && database.state === "ready";
  const generated = new Set(shape.columns.filter((each) => each.generated).map(({ name }) => name));

  const links = useMemo(() => shape.constraints.flatMap((each) => linkOf(each) ?? []), [shape]);
  /** The row that a foreign key's value names, in its table. */
  function follow(row: number, column: number): (() => void) | undefined {
    const link = links.find((each) => each.columns.includes(columns[column]?.name ?? ""));
    const values = items[row]?.values;
    if (!link || !values || link.columns.some((name) => values[name] === null)) return undefined;
    const aims = link.columns.map((name, at) => ({
      column: link.referenced[at] ?? name,
      op: "eq" as const,
      value: textOf(values[name]),
    }));
    const table = `${link.schema ?? shape.schema}.${link.table}`;
    return () => set({ table, where: toAddress(aims), q: undefined, sort: undefined }, true);
  }
  async function drop() {
    const gone = [...picked].flatMap((at) => items[at] ?? []);
    for (const { key: rowKey, digest } of gone)
      await data(
        rowDelete({
          path,
          query: { key: JSON.stringify(rowKey), schema: shape.schema },
          ...(digest && { headers: { "If-Match": `"${digest}"` } }),
        }),
      );
    setPicked(NO_ROWS);
    void queries.invalidateQueries({ queryKey: key });
    const rows = gone.map(({ values }) =>
      Object.fromEntries(Object.entries(values).filter(([name]) => !generated.has(name))),
    );
    const back = () =>
      void data(rowInsert({ path, query: { schema: shape.schema }, headers: once(), body: { rows } })).then(
        () => queries.invalidateQueries({ queryKey: key }),
        (thrown) => toast.bad(asError(thrown).message, asError(thrown).hint ?? undefined),
      );
    toast.undo(t("tables:deleted", { count: gone.length }), t("shell:undo"), back);
  }
  async function save() {
    if (busy || edits.size === 0) return;
    setBusy(true);
    setFailed(null);
    const done: string[] = [];
    for (const [rowKey, values] of edits) {
      const digest = items.find((row) => JSON.stringify(row.key) === rowKey)?.digest;
      try {
        await data(
          rowUpdate({
            path,
            query: { key: rowKey, schema: shape.schema },
            ...(digest && { headers: { "If-Match": `"${digest}"` } }),
            body: { values: { ...values } },
          }),
        );
        done.push(rowKey);
      } catch (thrown) {
        const error = asError(thrown);
        setFailed([sentence(error.message), error.hint].filter(Boolean).join(" "));
        break;
      }
    }
    setBusy(false);
    if (done.length === 0) return;
    toast.good(t("tables:saved", { count: done.length }));
    await queries.invalidateQueries({ queryKey: key });
    setEdits((before) => without(before, done));
  }
  useShortcut("sql.save", () => void save(), edits.size > 0);

  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex shrink-0 flex-wrap items-center gap-1.5 border-b px-3 py-1.5">
        <Input
          type="search"
          defaultValue={q}
          key={q}
          aria-label={t("databases:findRow")}
          placeholder={t("databases:findRow")}
          className="min-w-28 flex-1 sm:w-44! sm:flex-none"
          onKeyDown={(event) => event.key === "Enter" && set({ q: event.currentTarget.value || undefined })}
          onBlur={(event) => event.currentTarget.value !== q && set({ q: event.currentTarget.value || undefined })}
        />
        <FilterForm
          columns={shape.columns.map(({ name }) => name)}
          onAdd={(one) => set({ where: toAddress([...where, one]) })}
        />
        {where.map((each, at) => (
          <button
            // biome-ignore lint/suspicious/noArrayIndexKey: the same filter may be there twice
            key={at}
            type="button"
            aria-label={t("tables:dropFilter", { column: each.column })}
            onClick={() => set({ where: toAddress(where.filter((_, place) => place !== at)) })}
            className="inline-flex h-6 max-w-64 items-center gap-1 rounded-md bg-accent-soft px-2 text-accent-text text-xs"
          >
            <span className="truncate">
              {each.column} {t(`tables:ops.${each.op}`)} {each.op === "null" ? "" : each.value}
            </span>
            <X className="size-3 shrink-0" aria-hidden />
          </button>
        ))}
        <span className="hidden flex-1 sm:block" />
        {writable && picked.size > 0 && (
          <Button look="danger" icon={<Trash2 />} onClick={() => setAsked("delete")}>
            {t("tables:deleteRows", { count: picked.size })}
          </Button>
        )}
        {writable && (
          <Button icon={<Plus />} onClick={() => setAsked("insert")}>
            {t("tables:insert")}
          </Button>
        )}
        <span className="text-muted text-xs" role="status">
          {found.isPending
            ? ""
            : t("sql:rows", { count: items.length, rows: count(items.length) + (found.hasNextPage ? "+" : "") })}
        </span>
      </div>
      <div className="min-h-0 flex-1">
        {found.isError && items.length === 0 ? (
          <ErrorPanel error={found.error} retry={() => void found.refetch()} />
        ) : found.isPending ? (
          <div className="grid gap-3 p-4">
            <Skeleton className="h-4 w-3/4" />
            <Skeleton className="h-4 w-2/3" />
            <Skeleton className="h-4 w-1/2" />
          </div>
        ) : items.length === 0 ? (
          <Empty
            dull
            icon={<Table2 />}
            title={t(q || where.length > 0 ? "shell:noMatch" : "databases:noRows")}
            action={
              (q || where.length > 0) && (
                <Button onClick={() => set({ q: undefined, where: undefined })}>{t("shell:clearFilters")}</Button>
              )
            }
          />
        ) : (
          <ResultGrid
            label={shape.name}
            columns={columns}
            rows={rows}
            count={rows.length}
            sort={sort}
            onSort={(column) => set({ sort: nextSort(sort, column).join(",") || undefined })}
            isChanged={(row, column) => {
              const staged = edits.get(JSON.stringify(items[row]?.key));
              return Boolean(staged && (columns[column]?.name ?? "") in staged);
            }}
            editable={(row, column) =>
              writable && items[row]?.key !== null && !generated.has(columns[column]?.name ?? "")
            }
            onEdit={(row, column, value) => {
              const of = items[row];
              const name = columns[column]?.name;
              if (of && name)
                setEdits((before) => edited(before, JSON.stringify(of.key), name, value, of.values[name]));
            }}
            picked={writable ? picked : undefined}
            onPick={
              writable
                ? (from, to, value) => {
                    const next = new Set(picked);
                    for (let at = Math.min(from, to); at <= Math.max(from, to); at++)
                      if (value && items[at]?.key !== null) next.add(at);
                      else next.delete(at);
                    setPicked(next);
                  }
                : undefined
            }
            follow={follow}
            onEnd={() => {
              if (found.hasNextPage && !found.isFetchingNextPage) void found.fetchNextPage();
            }}
          />
        )}
      </div>
      {asked === "insert" && (
        <RowForm
          database={database}
          shape={shape}
          onMade={() => {
            setAsked(null);
            void queries.invalidateQueries({ queryKey: key });
          }}
          onClose={() => setAsked(null)}
        />
      )}
      <Confirm
        open={asked === "delete"}
        onOpenChange={() => setAsked(null)}
        danger
        title={t("tables:deleteTitle", { count: picked.size })}
        lead={t("tables:deleteLead")}
        verb={t("tables:deleteRows", { count: picked.size })}
        act={drop}
      />
      {edits.size > 0 && (
        <div className="flex shrink-0 flex-wrap items-center gap-2 border-t bg-sunken px-3 py-2">
          <p role="status" className="min-w-0 flex-1">
            {t("tables:staged", { count: edits.size })}
            {failed && (
              <span role="alert" className="block text-bad text-xs">
                {failed}
              </span>
            )}
          </p>
          {failed && <Button onClick={() => void found.refetch()}>{t("tables:readTheirs")}</Button>}
          <Button
            onClick={() => {
              setEdits(NONE);
              setFailed(null);
            }}
          >
            {t("tables:discard")}
          </Button>
          <Button look="primary" busy={busy} onClick={() => void save()}>
            {t("tables:save")}
          </Button>
        </div>
      )}
    </div>
  );
}
