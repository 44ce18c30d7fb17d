import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { withNewest } from "./order";
import type { TableState } from "./state";
import type { Source } from "./types";

const PAGE = 100;
const BIG_PAGE = 200;
export const MOST_ROWS = 20_000;
const NONE: never[] = [];

/**
 * While every row is fetched to be sorted, each answer would have all of them sorted and drawn again. So those of before
 * stay until there are four times as many; then the end is near, and the work for all of it small.
 */
function useSteady<P>(pages: readonly P[], isPartial: boolean): readonly P[] {
  const kept = useRef(pages);
  const fewer = pages.length < kept.current.length || pages[0] !== kept.current[0];
  if (!isPartial || fewer || pages.length >= kept.current.length * 4) kept.current = pages;
  return kept.current;
}

/**
 * Rows by the API's cursor. The API lists in its own order, so that sorting by a column needs every row: while
 * `wholly`, page after page is fetched, and `isPartial` says so until the last one is there.
 */
export function useRows<R>(source: Source<R>, rowId: (row: R) => string, { q, filters, sort: wanted }: TableState) {
  const wholly = !source.sorts && wanted.length > 0;
  const sort = source.sorts ? wanted.map(({ id, desc }) => (desc ? `-${id}` : id)) : NONE;
  const query = useInfiniteQuery({
    queryKey: [...source.key, { q, filters, sort }],
    queryFn: ({ pageParam, signal }) =>
      source.page({ cursor: pageParam, limit: pageParam ? BIG_PAGE : PAGE, q, filters, sort, signal }),
    enabled: !source.waits,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
  const pages = useSteady(query.data?.pages ?? NONE, wholly && query.hasNextPage);
  const read: R[] = useMemo(() => pages.flatMap(({ items }) => items), [pages]);
  const { newest = NONE } = source;
  const rows = useMemo(() => withNewest(newest, read, rowId), [newest, read, rowId]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isError } = query;
  const fetched = query.data?.pages.reduce((sum, { items }) => sum + items.length, 0) ?? 0;
  const more = hasNextPage && fetched < MOST_ROWS;

  const next = useCallback(() => {
    if (more && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [more, isFetchingNextPage, isError, fetchNextPage]);
  useEffect(() => {
    if (wholly) next();
  }, [wholly, next]);

  /** Every row that matches, fetched now. */
  const all = useCallback(async (): Promise<R[]> => {
    let pages = query.data?.pages ?? [];
    while (pages.at(-1)?.next_cursor && pages.reduce((sum, page) => sum + page.items.length, 0) < MOST_ROWS) {
      const fetched = await fetchNextPage();
      if (fetched.isError) throw fetched.error;
      pages = fetched.data?.pages ?? [];
    }
    return withNewest(
      newest,
      pages.flatMap(({ items }) => items),
      rowId,
    );
  }, [query.data, fetchNextPage, newest, rowId]);

  return { ...query, rows, next, all, hasMore: hasNextPage, isPartial: wholly && more, fetched };
}
