import { ArrowDown, ArrowUp } from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import type { TableState } from "./state";
import { Tick } from "./Tick";
import type { Column } from "./types";

interface Props<R> {
  columns: readonly Column<R>[];
  tracks: string;
  minWidth: number;
  sort: TableState["sort"];
  onSort: (id: string, add: boolean) => void;
  pickable: boolean;
  allPicked: boolean;
  somePicked: boolean;
  onPickAll: (value: boolean) => void;
}

export function Head<R>({
  columns,
  tracks,
  minWidth,
  sort,
  onSort,
  pickable,
  allPicked,
  somePicked,
  onPickAll,
}: Props<R>) {
  const { t } = useTranslation();
  return (
    <div role="rowgroup" className="sticky top-0 z-10 bg-panel" style={{ minWidth }}>
      <div role="row" className="grid h-8 items-center border-b px-6" style={{ gridTemplateColumns: tracks }}>
        {pickable && (
          <div role="columnheader" aria-label={t("shell:pick")}>
            <Tick checked={allPicked} some={somePicked} label={t("shell:pickAll")} onChange={onPickAll} />
          </div>
        )}
        {columns.map((column) => {
          const at = sort.findIndex(({ id }) => id === column.id);
          const mine = sort[at];
          return (
            <div
              key={column.id}
              role="columnheader"
              aria-sort={mine ? (mine.desc ? "descending" : "ascending") : undefined}
              className={cx("min-w-0 pr-3", column.numeric && "pr-6 text-right")}
            >
              <button
                type="button"
                tabIndex={-1}
                title={t("shell:sortHint")}
                onClick={(event) => onSort(column.id, event.shiftKey)}
                className="-mx-1 inline-flex max-w-full items-center gap-1 rounded-sm px-1 font-medium text-muted text-xs hover:text-text"
              >
                <span className="truncate">{column.title}</span>
                {mine && (mine.desc ? <ArrowDown className="size-3" /> : <ArrowUp className="size-3" />)}
                {mine && sort.length > 1 && <span className="text-2xs">{at + 1}</span>}
              </button>
            </div>
          );
        })}
      </div>
    </div>
  );
}
