import { type CSSProperties, type MouseEvent, memo, type ReactNode } from "react";
import { cx } from "@/parts/classes";
import { Skeleton } from "@/parts/small";
import { Tick } from "./Tick";
import type { Column, Value } from "./types";

interface Props<R> {
  row: R;
  index: number;
  columns: readonly Column<R>[];
  tracks: string;
  height: number;
  start: number;
  /** Its address, and what a click on it does. */
  href?: string;
  onFollow: (event: MouseEvent<HTMLAnchorElement>) => void;
  onOpen?: (row: R) => void;
  pickable: boolean;
  pickLabel: string;
  isActive: boolean;
  isPicked: boolean;
  onPick: (index: number, value: boolean, reach: boolean) => void;
}

const place = (start: number, height: number): CSSProperties => ({
  position: "absolute",
  top: 0,
  left: 0,
  right: 0,
  height,
  transform: `translateY(${start}px)`,
});

function said<R>(column: Column<R>, row: R) {
  if (column.cell) return column.cell(row);
  const value = column.value(row);
  return value === null || value === undefined || value === "" ? <span className="text-faint">–</span> : String(value);
}

const onCard = <R,>(column: Column<R>, row: R) => (column.onCard ? column.onCard(row) : said(column, row));

const look = (isActive: boolean, isPicked: boolean) =>
  cx(
    "group/row border-b contain-strict", // a row's insides move nothing outside it
    isPicked ? "bg-picked" : "hover:bg-hover",
    isActive && "group-focus-visible/grid:outline-2 group-focus-visible/grid:-outline-offset-2 outline-accent",
  );

const isEmpty = (value: Value) => value === null || value === undefined || value === "";
// On a card's line the long texts give way, so that a moment or a name beside them stays whole.
const isLong = (value: Value) => String(value).length > 28;

/** The first column's link covers the row: a click anywhere opens it, a middle click in a new tab. */
function Grid<R>(props: Props<R>) {
  const { row, index, columns, tracks, height, start, pickable, pickLabel, isActive, isPicked, onPick } = props;
  return (
    <div
      role="row"
      id={`row-${index}`}
      aria-rowindex={index + 2}
      aria-selected={pickable ? isPicked : undefined}
      className={cx("grid items-center px-6", look(isActive, isPicked))}
      style={{ ...place(start, height), gridTemplateColumns: tracks }}
    >
      {pickable && (
        <div role="gridcell" className="z-1">
          <Tick checked={isPicked} label={pickLabel} onChange={(value, reach) => onPick(index, value, reach)} />
        </div>
      )}
      {columns.map((column, at) => (
        <div
          key={column.id}
          role="gridcell"
          className={cx(
            "min-w-0 truncate pr-3",
            column.numeric && "figures pr-6 text-right",
            at === 0 && "font-medium",
          )}
        >
          {at === 0 ? (
            <Opens {...props} tabIndex={-1}>
              {said(column, row)}
            </Opens>
          ) : (
            said(column, row)
          )}
        </div>
      ))}
    </div>
  );
}

interface OpensProps<R> extends Pick<Props<R>, "href" | "onFollow" | "onOpen" | "row"> {
  tabIndex?: number;
  children: ReactNode;
}

/** The whole row opens by its first cell: a link where it has an address, else a button. */
function Opens<R>({ href, onFollow, onOpen, row, tabIndex, children }: OpensProps<R>) {
  const whole = "after:absolute after:inset-0 focus-visible:outline-none";
  if (href)
    return (
      <a href={href} onClick={onFollow} tabIndex={tabIndex} className={whole}>
        {children}
      </a>
    );
  if (onOpen)
    return (
      <button type="button" tabIndex={tabIndex} className={whole} onClick={() => onOpen(row)}>
        {children}
      </button>
    );
  return children;
}

function Card<R>(props: Props<R>) {
  const { row, index, columns, height, start, isActive, isPicked } = props;
  const at = (place: Column<R>["card"]) => columns.filter(({ card }) => card === place);
  const title = at("title")[0] ?? columns[0];
  const lines = at("line").filter((column) => !isEmpty(column.value(row)));
  return (
    <div
      role="row"
      id={`row-${index}`}
      aria-rowindex={index + 2}
      className={cx("flex flex-col justify-center gap-1 px-4", look(isActive, isPicked))}
      style={place(start, height)}
    >
      <div className="flex items-center gap-2">
        <div role="gridcell" className="min-w-0 flex-1 truncate font-medium text-base">
          {title && <Opens {...props}>{said(title, row)}</Opens>}
        </div>
        {at("side").map((column) => (
          <div key={column.id} role="gridcell" className="shrink-0">
            {onCard(column, row)}
          </div>
        ))}
      </div>
      <div className="flex gap-1.5 truncate text-muted text-xs">
        {lines.map((column, nth) => (
          <div key={column.id} role="gridcell" className={isLong(column.value(row)) ? "min-w-0 truncate" : "shrink-0"}>
            {nth > 0 && <span className="mr-1.5 text-faint">·</span>}
            {onCard(column, row)}
          </div>
        ))}
      </div>
    </div>
  );
}

/** Scrolling draws the rows that come into sight, not those that are there already. */
export const GridRow = memo(Grid) as typeof Grid;
export const CardRow = memo(Card) as typeof Card;

interface WaitingProps<R> {
  columns: readonly Column<R>[];
  tracks: string;
  height: number;
  phone: boolean;
  pickable: boolean;
}

const WIDTHS = ["w-3/5", "w-4/5", "w-1/2", "w-2/3"];

export function WaitingRows<R>({ columns, tracks, height, phone, pickable }: WaitingProps<R>) {
  return (
    <div aria-hidden>
      {Array.from({ length: 8 }, (_, row) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: all alike
          key={row}
          className={cx("items-center border-b px-4 sm:px-6", phone ? "grid content-center gap-2" : "grid")}
          style={phone ? { height } : { height, gridTemplateColumns: tracks }}
        >
          {pickable && !phone && <Skeleton className="size-3.5" />}
          {columns.slice(0, phone ? 2 : undefined).map((column, at) => (
            <Skeleton key={column.id} className={cx("h-3", WIDTHS[(row + at) % WIDTHS.length])} />
          ))}
        </div>
      ))}
    </div>
  );
}
