import {
  columnVisibilityFeature,
  rowSelectionFeature,
  rowSortingFeature,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { type ReactNode, useCallback, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Empty } from "@/parts/small";
import { useAddress, useGo } from "@/shell/address";
import { appearance } from "@/shell/appearance";
import { useStore } from "@/shell/store";
import { useShortcut } from "@/shell/useShortcut";
import { BulkBar } from "./BulkBar";
import { Head } from "./Head";
import { inOrder } from "./order";
import { WaitingRows } from "./Rows";
import { fromSearch, sortBy, type TableState, toSearch } from "./state";
import { Toolbar } from "./Toolbar";
import type { BulkAct, Column, Filter, Source, View } from "./types";
import { useGrid } from "./useGrid";
import { usePhone } from "./usePhone";
import { useRows } from "./useRows";
import { type Scroller, Viewport } from "./Viewport";

interface Props<R> {
  /** Names the file of an export and the views kept in this browser. */
  id: string;
  /** For screen readers: "Databases". */
  label: string;
  source: Source<R>;
  columns: readonly Column<R>[];
  filters?: readonly Filter[];
  rowId: (row: R) => string;
  to?: (row: R) => string;
  /** In place of `to`: opens what has no address of its own, such as a sheet. */
  onOpen?: (row: R) => void;
  /** Without it the server cannot search, and there is no field for it. */
  searchHint?: string;
  acts?: readonly BulkAct<R>[];
  /** Views that every browser has, before those of its own. */
  views?: readonly View[];
  /** What stands at the toolbar's beginning, and where it stands also when there are no rows at all. */
  lead?: ReactNode;
  /** The screen's own buttons, at the toolbar's end. */
  children?: ReactNode;
  /** What is said where there are no rows at all; that none matches is the table's to say, with the same icon. */
  empty: { icon: ReactNode; title: string; lead?: ReactNode; action?: ReactNode };
}

const features = tableFeatures({
  rowSortingFeature,
  columnVisibilityFeature,
  rowSelectionFeature,
});

/** The least that the columns need, so that head and rows scroll sideways as one. */
function widest<R>(columns: readonly Column<R>[]): number {
  return columns.reduce((sum, { width = "110" }) => sum + Number(/\d+/.exec(width)?.[0] ?? 110), 0);
}

const NO_FILTERS: readonly Filter[] = [];
const NO_ACTS: readonly never[] = [];

/** The one table: every list of the dashboard. */
export function DataTable<R>(props: Props<R>) {
  const { source, columns, filters = NO_FILTERS, rowId, to, onOpen, acts = NO_ACTS } = props;
  const { t } = useTranslation();
  const go = useGo();
  const phone = usePhone();
  const { density } = useStore(appearance);
  const [search, setSearch] = useAddress();
  const [picked, setPicked] = useState<Record<string, boolean>>({});
  const scroller = useRef<Scroller>(null);

  const ids = useMemo(() => [columns.map(({ id }) => id), filters.map(({ id }) => id)] as const, [columns, filters]);
  const state = useMemo(() => fromSearch(search, ...ids), [search, ids]);
  const change = (patch: Partial<TableState>) => setSearch(toSearch({ ...state, ...patch }, ids[1]));
  const narrowed = state.q !== "" || Object.keys(state.filters).length > 0;
  const clear = () => change({ q: "", filters: {} });

  const found = useRows(source, rowId, state);
  const defs = useMemo(
    () => columns.map((column) => ({ id: column.id, accessorFn: (row: R) => column.value(row) })),
    [columns],
  );
  const sorted = useMemo(
    () => (source.sorts ? found.rows : inOrder(found.rows, columns, state.sort)),
    [source.sorts, found.rows, columns, state.sort],
  );
  const shown = useMemo(
    () => columns.filter(({ id, spare }) => (state.columns ? state.columns.includes(id) : !spare)),
    [columns, state.columns],
  );
  const visibility = useMemo(
    () => Object.fromEntries(columns.map((column) => [column.id, shown.includes(column)])),
    [columns, shown],
  );
  const table = useTable({
    features,
    data: sorted as never[],
    columns: defs as never[],
    getRowId: rowId as never,
    manualSorting: true,
    state: { sorting: state.sort, columnVisibility: visibility, rowSelection: picked as never },
    onRowSelectionChange: setPicked as never,
  });
  const model = table.getRowModel().rows;
  const rows = useMemo(() => model.map((row) => row.original as R), [model]);
  const chosen = useMemo(() => rows.filter((row) => picked[rowId(row)]), [rows, picked, rowId]);

  const height = phone ? 68 : density === "compact" ? 32 : 40;
  const pick = (from: number, until: number, value: boolean) => {
    const [low, high] = from < until ? [from, until] : [until, from];
    const some = rows.slice(low, high + 1).map((row) => [rowId(row), value]);
    setPicked((before) => ({ ...before, ...Object.fromEntries(some) }));
  };
  const pickable = acts.length > 0;
  const grid = useGrid({
    count: rows.length,
    pageSize: Math.max(1, (scroller.current?.fits() ?? 10) - 1),
    isPicked: (at) => Boolean(rows[at] && picked[rowId(rows[at])]),
    pick: (from, until, value) => pickable && pick(from, until, value),
    pickAll: () => pickable && pick(0, rows.length - 1, true),
    clear: () => setPicked({}),
    open: (at) => {
      const row = rows[at];
      if (row === undefined) return;
      if (to) go(to(row));
      else onOpen?.(row);
    },
    show: (at) => scroller.current?.show(at),
  });
  // Rows are drawn once and call what is so now, through a function that stays the same.
  const pickRow = useRef((_index: number, _value: boolean, _reach: boolean) => {});
  pickRow.current = (index, value, reach) => {
    pick(reach && grid.active >= 0 ? grid.active : index, index, value);
    grid.setActive(index);
  };
  const pickNow = useCallback(
    (index: number, value: boolean, reach: boolean) => pickRow.current(index, value, reach),
    [],
  );
  const walk = (by: number) => {
    scroller.current?.focus();
    grid.move(grid.active + by);
  };
  useShortcut("list.next", () => walk(1));
  useShortcut("list.previous", () => walk(-1));
  useShortcut("list.clear", clear, narrowed);

  const tracks = [pickable && !phone && "36px", ...shown.map(({ width }) => width ?? "minmax(110px, 1fr)")]
    .filter(Boolean)
    .join(" ");
  const minWidth = phone ? 0 : widest(shown) + (pickable ? 84 : 48);
  const isBare = found.isSuccess && !found.isPlaceholderData && rows.length === 0 && !narrowed;
  if (isBare && !props.lead) return <Empty {...props.empty} />;
  if (isBare)
    return (
      <div className="flex h-full min-h-0 flex-col">
        <div className="flex border-b px-4 py-2 sm:px-6">{props.lead}</div>
        <div className="min-h-0 flex-1">
          <Empty {...props.empty} />
        </div>
      </div>
    );
  const status = found.isPending ? "" : t("shell:rows", { count: rows.length, more: found.hasMore ? "+" : "" });
  return (
    <div className="relative flex h-full min-h-0 flex-col">
      <Toolbar
        {...{ ...props, filters, state, change, clear, narrowed, shown }}
        status={found.isPartial ? t("shell:loadingAll", { count: found.fetched }) : status}
        all={async () => (chosen.length > 0 ? chosen : await found.all())}
        applyView={setSearch}
      />
      {found.isError && rows.length === 0 ? (
        <ErrorPanel error={found.error} retry={() => void found.refetch()} />
      ) : !found.isPending && rows.length === 0 ? (
        <Empty
          {...(narrowed
            ? {
                dull: true,
                icon: props.empty.icon,
                title: t("shell:noMatch"),
                action: <Button onClick={clear}>{t("shell:clearFilters")}</Button>,
              }
            : props.empty)}
        />
      ) : (
        <Viewport
          handle={scroller}
          grid={{
            role: "grid",
            "aria-label": props.label,
            "aria-rowcount": found.hasMore ? -1 : rows.length + 1,
            "aria-multiselectable": pickable || undefined,
            "aria-busy": found.isFetching,
            "aria-activedescendant": grid.active >= 0 ? `row-${grid.active}` : undefined,
            tabIndex: 0,
            onKeyDown: grid.onKeyDown,
            className: cx(
              "group/grid inset-ring-focus min-h-0 flex-1 overflow-auto",
              grid.active >= 0 && "outline-none!",
            ),
          }}
          head={
            !phone && (
              <Head
                columns={shown}
                tracks={tracks}
                minWidth={minWidth}
                sort={state.sort}
                onSort={(id, add) => change({ sort: sortBy(state.sort, id, add) })}
                pickable={pickable}
                allPicked={rows.length > 0 && chosen.length === rows.length}
                somePicked={chosen.length > 0}
                onPickAll={(value) => (value ? pick(0, rows.length - 1, true) : setPicked({}))}
              />
            )
          }
          waiting={
            found.isPending && (
              <WaitingRows columns={shown} tracks={tracks} height={height} phone={phone} pickable={pickable} />
            )
          }
          columns={shown}
          active={grid.active}
          onPick={pickNow}
          onEnd={() => found.hasMore && found.next()}
          pickLabel={t("shell:pickRow")}
          {...{ rows, rowId, tracks, minWidth, height, phone, picked, pickable, to, onOpen }}
        />
      )}
      {chosen.length > 0 && (
        <BulkBar
          acts={acts}
          rows={chosen}
          hasMore={found.hasMore || chosen.length < rows.length}
          onAll={async () => {
            const every = await found.all();
            setPicked(Object.fromEntries(every.map((row) => [rowId(row), true])));
          }}
          onClear={() => setPicked({})}
        />
      )}
    </div>
  );
}
