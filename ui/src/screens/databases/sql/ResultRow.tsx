import { memo } from "react";
import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import { Tick } from "@/parts/table/Tick";
import { CUT } from "./sizes";
import { bytesOf, type Cell, textOf } from "./values";

export const ROW_PX = 28;

interface Props {
  at: number;
  top: number;
  width: number;
  gutter: number;
  row: readonly Cell[] | undefined;
  /** The columns that are seen. */
  cells: readonly { index: number; start: number; size: number }[];
  /** The column the keyboard is at. */
  active: number | null;
  isChanged?: (row: number, column: number) => boolean;
  isPicked: boolean;
  onPick?: (row: number, value: boolean, reach: boolean) => void;
  onActive: (cell: [number, number]) => void;
  onOpen: (row: number, column: number) => void;
}

/** Drawn again only when it changes: scrolling draws what comes into sight, not what is there already. */
export const ResultRow = memo(Row);

function Row({ at, top, width, gutter, row, cells, active, isChanged, isPicked, onPick, onActive, onOpen }: Props) {
  return (
    <div
      role="row"
      aria-rowindex={at + 2}
      aria-selected={onPick ? isPicked : undefined}
      className={cx("absolute left-0 border-b", isPicked ? "bg-picked" : "hover:bg-hover")}
      style={{ top, height: ROW_PX, width }}
    >
      <Gutter at={at} gutter={gutter} isPicked={isPicked} onPick={onPick} />
      {cells.map(({ index, start, size }) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the grid hears the keys
        <div
          key={index}
          id={`cell-${at}-${index}`}
          role="gridcell"
          aria-colindex={index + 1}
          tabIndex={-1}
          onClick={() => onActive([at, index])}
          onDoubleClick={() => onOpen(at, index)}
          className={cx(
            "absolute top-0 h-full truncate border-r px-2 leading-[27px]",
            isChanged?.(at, index) && "bg-warn-soft",
            typeof row?.[index] === "number" && "text-right",
            active === index && "bg-picked outline-2 outline-accent -outline-offset-2",
          )}
          style={{ left: start, width: size }}
        >
          <Shown value={row?.[index]} />
        </div>
      ))}
    </div>
  );
}

const GUTTER = "sticky left-0 z-1 flex h-full items-center border-r bg-sunken pr-2 text-2xs text-muted";

function Gutter({ at, gutter, isPicked, onPick }: Pick<Props, "at" | "gutter" | "isPicked" | "onPick">) {
  const { t } = useTranslation();
  if (!onPick)
    return (
      <span aria-hidden className={`${GUTTER} justify-end`} style={{ width: gutter }}>
        {at + 1}
      </span>
    );
  return (
    <div role="gridcell" tabIndex={-1} className={`${GUTTER} justify-between pl-2`} style={{ width: gutter }}>
      <Tick checked={isPicked} label={t("shell:pickRow")} onChange={(value, reach) => onPick(at, value, reach)} />
      <span aria-hidden>{at + 1}</span>
    </div>
  );
}

/** Always text, never markup. */
export function Shown({ value }: { value: Cell }) {
  if (value === null || value === undefined) return <span className="text-faint italic">NULL</span>;
  if (value === "") return <span className="text-faint">""</span>;
  const text = textOf(value);
  const cut = text.length > CUT ? `${text.slice(0, CUT)}…` : text;
  return <span className={bytesOf(value) !== null ? "text-muted" : undefined}>{cut.replaceAll("\n", "↵")}</span>;
}
