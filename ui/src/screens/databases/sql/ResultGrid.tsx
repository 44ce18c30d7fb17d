import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { toast } from "@/shell/toasts";
import { CellSheet } from "./CellSheet";
import { ResultRow, ROW_PX } from "./ResultRow";
import { widthsOf } from "./sizes";
import type { ResultColumn } from "./stream";
import { type Cell, textOf } from "./values";

const HEAD_PX = 30;

interface Props {
  label: string;
  columns: readonly ResultColumn[];
  rows: readonly (readonly Cell[])[];
  /** How many of `rows` are there: the array grows in place. */
  count: number;
  /** Columns that are sorted by; a click on a head asks for the next order. */
  sort?: readonly string[];
  onSort?: (column: string) => void;
  isChanged?: (row: number, column: number) => boolean;
  /** Values may be replaced, by column. */
  editable?: (row: number, column: number) => boolean;
  onEdit?: (row: number, column: number, value: Cell) => void;
  /** There is no NULL among them. */
  noNull?: boolean;
  /** Rows may be picked, with these picked: `to` is the row itself, or reached with Shift from `from`. */
  picked?: ReadonlySet<number>;
  onPick?: (from: number, to: number, value: boolean) => void;
  /** What goes to the row that a value names; undefined for a value that names none. */
  follow?: (row: number, column: number) => (() => void) | undefined;
  /** The last rows are seen. */
  onEnd?: () => void;
}

/** Any number of rows: only what is seen is drawn, across and down. NULL, "" and text are told apart. */
export function ResultGrid(props: Props) {
  const { label, columns, rows, count, sort, onSort, isChanged, editable, onEdit, picked, onPick, follow, onEnd } =
    props;
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<[number, number] | null>(null);
  const [seen, setSeen] = useState<[number, number] | null>(null);
  const some = Math.min(count, 100);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the first rows decide, and do not change afterwards
  const widths = useMemo(() => widthsOf(columns, rows), [columns, some]);
  const gutter = Math.max(onPick ? 56 : 40, String(count).length * 8 + (onPick ? 40 : 20));
  const last = useRef(-1); // picked last: where Shift reaches from
  const down = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
    paddingStart: HEAD_PX,
    scrollPaddingStart: HEAD_PX,
  });
  const across = useVirtualizer({
    horizontal: true,
    count: columns.length,
    getScrollElement: () => scroller.current,
    estimateSize: (at) => widths[at] ?? 100,
    overscan: 3,
    paddingStart: gutter,
    scrollPaddingStart: gutter,
  });
  const lines = down.getVirtualItems();
  const cells = across.getVirtualItems();

  const lowest = lines.at(-1)?.index ?? 0;
  if (onEnd && count > 0 && lowest > count - 20) queueMicrotask(onEnd);

  const open = (row: number, column: number) => setSeen([row, column]);
  const pickRow = (row: number, value: boolean, reach: boolean) => {
    onPick?.(reach && last.current >= 0 ? last.current : row, row, value);
    last.current = row;
  };
  // Rows are drawn once: they call what is so now through functions that stay the same.
  const now = useRef({ open, pickRow });
  useLayoutEffect(() => {
    now.current = { open, pickRow };
  });
  const openNow = useCallback((row: number, column: number) => now.current.open(row, column), []);
  const pickNow = useCallback(
    (row: number, value: boolean, reach: boolean) => now.current.pickRow(row, value, reach),
    [],
  );

  function move(row: number, column: number) {
    const to: [number, number] = [
      Math.max(0, Math.min(count - 1, row)),
      Math.max(0, Math.min(columns.length - 1, column)),
    ];
    setActive(to);
    down.scrollToIndex(to[0]);
    across.scrollToIndex(to[1]);
  }
  function onKeyDown(event: KeyboardEvent) {
    const [row, column] = active ?? [0, 0];
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 300) / ROW_PX) - 2);
    const mod = event.ctrlKey || event.metaKey;
    const moves: Record<string, () => void> = {
      ArrowDown: () => move(active ? row + 1 : 0, column),
      ArrowUp: () => move(row - 1, column),
      ArrowRight: () => move(row, active ? column + 1 : 0),
      ArrowLeft: () => move(row, column - 1),
      PageDown: () => move(row + page, column),
      PageUp: () => move(row - page, column),
      Home: () => move(mod ? 0 : row, 0),
      End: () => move(mod ? count - 1 : row, columns.length - 1),
      Enter: () => open(row, column),
      ...(onPick && { " ": () => pickRow(row, !picked?.has(row), event.shiftKey) }),
      s: () => onSort?.(columns[column]?.name ?? ""),
    };
    const known = moves[event.key];
    if (known && !event.altKey && count > 0 && !(mod && event.key === "s")) {
      event.preventDefault();
      known();
    } else if (mod && event.key.toLowerCase() === "c" && active && !getSelection()?.toString()) {
      event.preventDefault();
      void navigator.clipboard.writeText(textOf(rows[row]?.[column])).then(() => toast.good(t("sql:cellCopied")));
    }
  }
  const width = across.getTotalSize();
  return (
    <>
      <div
        ref={scroller}
        role="grid"
        aria-label={label}
        aria-rowcount={count + 1}
        aria-colcount={columns.length}
        aria-activedescendant={active ? `cell-${active[0]}-${active[1]}` : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
        className="group/result inset-ring-focus h-full overflow-auto overscroll-contain font-mono text-xs"
      >
        <div className="relative" style={{ height: down.getTotalSize(), width }} role="presentation">
          <div
            role="row"
            aria-rowindex={1}
            className="sticky top-0 z-2 border-b bg-sunken"
            style={{ height: HEAD_PX, width }}
          >
            {cells.map(({ index, start, size }) => (
              <div
                key={index}
                role="columnheader"
                aria-sort={onSort ? orderOf(columns[index]?.name ?? "", sort) : undefined}
                aria-colindex={index + 1}
                title={columns[index]?.type ?? undefined}
                className="absolute top-0 flex h-full items-center gap-1.5 border-r px-2 font-medium font-sans"
                style={{ left: start, width: size }}
              >
                <HeadName name={columns[index]?.name ?? ""} sort={sort} onSort={onSort} />
                <span className="min-w-0 truncate font-normal text-2xs text-muted">{columns[index]?.type}</span>
              </div>
            ))}
          </div>
          {lines.map(({ index, start }) => (
            <ResultRow
              key={index}
              at={index}
              top={start}
              width={width}
              gutter={gutter}
              row={rows[index]}
              cells={cells}
              active={active?.[0] === index ? active[1] : null}
              isChanged={isChanged}
              isPicked={picked?.has(index) ?? false}
              onPick={onPick && pickNow}
              onActive={setActive}
              onOpen={openNow}
            />
          ))}
        </div>
      </div>
      {seen && (
        <CellSheet
          title={columns[seen[1]]?.name ?? ""}
          type={columns[seen[1]]?.type ?? null}
          row={seen[0]}
          value={rows[seen[0]]?.[seen[1]]}
          onChange={onEdit && editable?.(seen[0], seen[1]) ? (value) => onEdit(seen[0], seen[1], value) : undefined}
          onFollow={follow?.(seen[0], seen[1])}
          nullable={!props.noNull}
          onClose={() => {
            setSeen(null);
            scroller.current?.focus();
          }}
        />
      )}
    </>
  );
}

function orderOf(name: string, sort: readonly string[] = []): "ascending" | "descending" | "none" {
  return sort.includes(name) ? "ascending" : sort.includes(`-${name}`) ? "descending" : "none";
}

function HeadName({ name, sort, onSort }: { name: string } & Pick<Props, "sort" | "onSort">) {
  if (!onSort) return <span className="truncate">{name}</span>;
  const order = orderOf(name, sort);
  return (
    <button type="button" tabIndex={-1} onClick={() => onSort(name)} className="flex min-w-0 items-center gap-1">
      <span className="truncate">{name}</span>
      <span aria-hidden>{order === "none" ? "" : order === "ascending" ? "↑" : "↓"}</span>
    </button>
  );
}
