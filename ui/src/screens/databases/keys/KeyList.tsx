import { useInfiniteQuery } from "@tanstack/react-query";
import { ChevronRight, Folder, KeyRound, List, ListTree } from "lucide-react";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseKeyList } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Input, Select } from "@/parts/Field";
import { Empty, Skeleton, Tip } from "@/parts/small";
import { count } from "@/parts/text";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { recall, remember } from "@/shell/store";
import { useShortcut } from "@/shell/useShortcut";
import { type KeyOut, keysKey, type Place } from "./client";
import { type KeyType, TYPES } from "./elements";
import { KeyLines } from "./KeyLines";
import { globOf, inOrder, listOf, treeOf } from "./names";

const PAGE = 200;
/** A scan goes on by itself until so many are found, or so many answers came. */
const ENOUGH = 200;
const PATIENCE = 20;

interface Props {
  place: Place;
  chosen: string | null;
  onChoose: (key: KeyOut) => void;
  onDatabase: (number: number) => void;
  add: ReactNode;
}

function useKeys(place: Place, pattern: string, type: KeyType | undefined) {
  const found = useInfiniteQuery({
    queryKey: [...keysKey(place), "list", pattern, type ?? ""],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      data(
        databaseKeyList({
          path: { database_id: place.id },
          query: {
            database: place.database,
            pattern,
            limit: PAGE,
            ...(type && { type }),
            ...(pageParam && { cursor: pageParam }),
          },
          signal,
        }),
      ),
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  });
  const pages = found.data?.pages;
  const keys = useMemo(() => inOrder(pages?.flatMap(({ items }) => items) ?? []), [pages]);
  const { hasNextPage, isFetching, isError, fetchNextPage } = found;
  const goesOn = hasNextPage && keys.length < ENOUGH && (pages?.length ?? 0) < PATIENCE;
  useEffect(() => {
    if (goesOn && !isFetching && !isError) void fetchNextPage();
  }, [goesOn, isFetching, isError, fetchNextPage]);
  return { ...found, keys, isScanning: isFetching || (goesOn && !isError) };
}

export function KeyList({ place, chosen, onChoose, onDatabase, add }: Props) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const { q = "" } = search;
  const type = TYPES.find((each) => each === search.type);
  const [asTree, setAsTree] = useState(() => recall("keys.tree", false));
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [box, setBox] = useState<HTMLInputElement | null>(null);
  useShortcut("list.search", () => box?.select());
  const found = useKeys(place, globOf(q), type);
  const { keys, hasNextPage, isScanning } = found;
  const lines = useMemo(() => (asTree ? treeOf(keys, open) : listOf(keys)), [asTree, keys, open]);
  const look = (typed: string) => typed !== q && set({ q: typed || undefined });

  function toggle(folder: string) {
    const next = new Set(open);
    if (!next.delete(folder)) next.add(folder);
    setOpen(next);
  }
  function tree(next: boolean) {
    setAsTree(next);
    remember("keys.tree", next);
  }
  const bare = keys.length === 0 && !isScanning && !hasNextPage;
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="grid shrink-0 gap-1.5 border-b p-2.5">
        <div className="flex gap-1.5">
          <Input
            ref={setBox}
            key={q}
            type="search"
            defaultValue={q}
            aria-label={t("keys:find")}
            placeholder={t("keys:findHint")}
            spellCheck={false}
            onKeyDown={(event) => event.key === "Enter" && look(event.currentTarget.value)}
            onBlur={(event) => look(event.currentTarget.value)}
          />
          {add}
        </div>
        <div className="flex items-center gap-1.5">
          <Select
            aria-label={t("keys:type")}
            value={type ?? ""}
            onChange={(event) => set({ type: event.target.value || undefined })}
          >
            <option value="">{t("keys:anyType")}</option>
            {TYPES.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </Select>
          <Select
            aria-label={t("keys:database")}
            value={place.database}
            onChange={(event) => onDatabase(Number(event.target.value))}
          >
            {Array.from({ length: Math.max(16, place.database + 1) }, (_, number) => number).map((number) => (
              <option key={number} value={number}>
                {t("keys:databaseNth", { number })}
              </option>
            ))}
          </Select>
          <Tip text={t(asTree ? "keys:asList" : "keys:asTree")}>
            <Button
              look="quiet"
              size="icon"
              aria-label={t(asTree ? "keys:asList" : "keys:asTree")}
              icon={asTree ? <List /> : <ListTree />}
              onClick={() => tree(!asTree)}
            />
          </Tip>
        </div>
      </div>
      <div className="min-h-0 flex-1">
        {found.isError && keys.length === 0 ? (
          <ErrorPanel error={found.error} retry={() => void found.refetch()} />
        ) : found.isPending || (keys.length === 0 && isScanning) ? (
          <div className="grid gap-3 p-4" aria-busy="true">
            <Skeleton className="h-4 w-3/4" />
            <Skeleton className="h-4 w-2/3" />
            <Skeleton className="h-4 w-1/2" />
          </div>
        ) : bare ? (
          <Empty
            dull={q !== "" || type !== undefined}
            icon={<KeyRound />}
            title={t(q || type ? "shell:noMatch" : "keys:none")}
            lead={!q && !type && t("keys:noneLead")}
            action={
              q || type ? (
                <Button onClick={() => set({ q: undefined, type: undefined })}>{t("shell:clearFilters")}</Button>
              ) : (
                add
              )
            }
          />
        ) : (
          <KeyLines
            lines={lines}
            chosen={chosen}
            onChoose={onChoose}
            onToggle={toggle}
            icons={{ folder: <Folder />, shut: <ChevronRight /> }}
          />
        )}
      </div>
      <div className="flex h-9 shrink-0 items-center gap-2 border-t bg-sunken px-3">
        <span role="status" className="min-w-0 flex-1 truncate text-muted text-xs">
          {isScanning
            ? t("keys:scanning", { keys: count(keys.length) })
            : t("keys:some", { count: keys.length, keys: count(keys.length) + (hasNextPage ? "+" : "") })}
        </span>
        {hasNextPage && !isScanning && (
          <Button look="quiet" size="small" onClick={() => void found.fetchNextPage()}>
            {t("keys:more")}
          </Button>
        )}
      </div>
    </div>
  );
}
