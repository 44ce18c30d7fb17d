import { useVirtualizer } from "@tanstack/react-virtual";
import { type ComponentProps, type ReactNode, type RefObject, useImperativeHandle, useRef } from "react";
import { usePlainLinks } from "@/shell/address";
import { CardRow, GridRow } from "./Rows";
import type { Column } from "./types";

export interface Scroller {
  focus: () => void;
  show: (index: number) => void;
  /** How many rows are in sight. */
  fits: () => number;
}

interface Props<R> {
  handle: RefObject<Scroller | null>;
  /** The grid's own: label, keys, what assistive programs are told. */
  grid: ComponentProps<"div">;
  head: ReactNode;
  /** In place of the rows until there are any. */
  waiting: ReactNode;
  rows: readonly R[];
  rowId: (row: R) => string;
  columns: readonly Column<R>[];
  tracks: string;
  minWidth: number;
  height: number;
  phone: boolean;
  /** The index that the keyboard is at, or -1. */
  active: number;
  picked: Readonly<Record<string, boolean>>;
  pickable: boolean;
  pickLabel: string;
  onPick: (index: number, value: boolean, reach: boolean) => void;
  to?: (row: R) => string;
  onOpen?: (row: R) => void;
  /** Called when the last rows come into sight. */
  onEnd: () => void;
}

/** The part of a table that scrolls: nothing but it is drawn again while it does. */
export function Viewport<R>(props: Props<R>) {
  const { rows, rowId, columns, tracks, height, phone, active, picked, pickable, pickLabel, onPick, to } = props;
  const links = usePlainLinks();
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 4,
    paddingEnd: pickable ? 64 : 8,
  });
  useImperativeHandle(props.handle, () => ({
    focus: () => scroller.current?.focus(),
    show: (index) => virtual.scrollToIndex(index),
    fits: () => Math.floor((scroller.current?.clientHeight ?? 400) / height),
  }));
  const visible = virtual.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  if (last > rows.length - 20 && rows.length > 0) queueMicrotask(props.onEnd);
  return (
    <div ref={scroller} {...props.grid}>
      {props.head}
      {props.waiting || (
        <div
          role="rowgroup"
          className="relative"
          style={{ height: virtual.getTotalSize(), minWidth: props.minWidth }}
          onPointerEnter={() => to && rows[0] !== undefined && links.ahead(to(rows[0]))}
        >
          {visible.map(({ index, start }) => {
            const row = rows[index];
            if (row === undefined) return null;
            const id = rowId(row);
            const given = {
              row,
              index,
              columns,
              tracks,
              height,
              start,
              href: to && links.href(to(row)),
              onFollow: links.follow,
              onOpen: props.onOpen,
              pickable,
              pickLabel,
              isActive: index === active,
              isPicked: Boolean(picked[id]),
              onPick,
            };
            return phone ? <CardRow key={id} {...given} /> : <GridRow key={id} {...given} />;
          })}
        </div>
      )}
    </div>
  );
}
