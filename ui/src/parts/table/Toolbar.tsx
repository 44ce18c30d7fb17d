import { ListFilter, Search, X } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { CheckItem, Menu, Title } from "@/parts/Menu";
import { Kbd, Tip } from "@/parts/small";
import { useShortcut } from "@/shell/useShortcut";
import { Display } from "./Display";
import { type TableState, toggled } from "./state";
import type { Column, Filter, View } from "./types";
import { Views } from "./Views";

interface Props<R> {
  id: string;
  columns: readonly Column<R>[];
  shown: readonly Column<R>[];
  filters: readonly Filter[];
  state: TableState;
  change: (patch: Partial<TableState>) => void;
  clear: () => void;
  narrowed: boolean;
  searchHint?: string;
  status: string;
  all: () => Promise<R[]>;
  views?: readonly View[];
  applyView: (patch: Record<string, string | undefined>) => void;
  lead?: ReactNode;
  children?: ReactNode;
}

export function Toolbar<R>(props: Props<R>) {
  const { id, filters, state, change, clear, narrowed, searchHint, status, lead, children } = props;
  const { t } = useTranslation();
  const toggle = ({ id, many = false }: Filter, value: string) =>
    change({ filters: { ...state.filters, [id]: toggled(state.filters[id] ?? [], value, many) } });
  return (
    <div className="border-b px-4 py-2 sm:px-6">
      {/* Words of quiet buttons stand under the page's title, not their invisible edges. */}
      <div
        className={cx("flex flex-wrap items-center gap-1.5", !searchHint && !lead && "-ml-2.5", !children && "-mr-2.5")}
      >
        {lead}
        {searchHint && <SearchField hint={searchHint} q={state.q} onSearch={(q) => change({ q })} />}
        {filters.length > 0 && (
          <Menu
            wide
            trigger={
              <Button look="quiet" icon={<ListFilter />}>
                <span className="hidden sm:inline">{t("shell:filter")}</span>
                <span className="sr-only sm:hidden">{t("shell:filter")}</span>
              </Button>
            }
          >
            {filters.map((filter) => (
              <div key={filter.id}>
                <Title>{filter.title}</Title>
                {filter.options.map(({ value, label }) => (
                  <CheckItem
                    key={value}
                    checked={state.filters[filter.id]?.includes(value) ?? false}
                    onChange={() => toggle(filter, value)}
                  >
                    {label}
                  </CheckItem>
                ))}
              </div>
            ))}
          </Menu>
        )}
        <Views
          id={id}
          given={props.views}
          state={state}
          filterIds={filters.map((each) => each.id)}
          apply={props.applyView}
        />
        <span className="flex-1" />
        <span role="status" className="hidden px-1 text-muted text-xs md:inline">
          {status}
        </span>
        <Display {...props} />
        {children}
      </div>
      {narrowed && Object.keys(state.filters).length > 0 && (
        <div className="mt-1.5 flex flex-wrap items-center gap-1.5">
          {filters
            .filter((each) => state.filters[each.id])
            .map((filter) => (
              <FilterBadge
                key={filter.id}
                filter={filter}
                values={state.filters[filter.id] ?? []}
                onRemove={() => change({ filters: { ...state.filters, [filter.id]: [] } })}
              />
            ))}
          <Tip text={t("shell:clearFilters")} id="list.clear">
            <Button look="quiet" size="small" onClick={clear}>
              {t("shell:clear")}
            </Button>
          </Tip>
        </div>
      )}
    </div>
  );
}

function FilterBadge({
  filter,
  values,
  onRemove,
}: {
  filter: Filter;
  values: readonly string[];
  onRemove: () => void;
}) {
  const { t } = useTranslation();
  const named = values.map((value) => filter.options.find((each) => each.value === value)?.label ?? value);
  return (
    <span className="inline-flex h-6 items-center rounded-md border bg-page text-xs">
      <span className="pl-2 text-muted">{filter.title}</span>
      <span className="px-1.5 font-medium">{named.join(", ")}</span>
      <button
        type="button"
        aria-label={t("shell:removeFilter", { name: filter.title })}
        onClick={onRemove}
        className="grid h-full w-6 place-items-center rounded-r-md text-muted hover:bg-hover hover:text-text"
      >
        <X className="size-3" />
      </button>
    </span>
  );
}

const PAUSE_MS = 200;

/** Typing is at once on the screen, and asks the server when it pauses. */
function SearchField({ hint, q, onSearch }: { hint: string; q: string; onSearch: (q: string) => void }) {
  const box = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [typed, setTyped] = useState(q);
  useEffect(() => setTyped(q), [q]);
  useShortcut("list.search", () => box.current?.select());
  function type(text: string) {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onSearch(text.trim()), PAUSE_MS);
  }
  return (
    <div className="relative w-full sm:w-72">
      <Search className="-translate-y-1/2 absolute top-1/2 left-2.5 size-3.5 text-faint" aria-hidden />
      <input
        ref={box}
        type="search"
        aria-label={hint}
        placeholder={hint}
        value={typed}
        onChange={(event) => type(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            type("");
            event.currentTarget.blur();
          }
        }}
        className="peer h-8 w-full rounded-md border bg-page pr-2 pl-8 text-sm sm:placeholder-shown:pr-18 hover:border-strong-line focus-visible:outline-offset-0 pointer-coarse:h-10 [&::-webkit-search-cancel-button]:hidden"
      />
      {!typed && (
        <span className="-translate-y-1/2 pointer-events-none absolute top-1/2 right-2 hidden sm:block peer-focus:hidden">
          <Kbd id="list.search" />
        </span>
      )}
    </div>
  );
}
