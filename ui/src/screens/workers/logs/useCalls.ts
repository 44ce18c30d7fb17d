import { useState } from "react";
import { type InvocationOut, workerTail } from "@/api";
import type { Source } from "@/parts/table/types";
import { data } from "@/shell/api";
import { type CallFilter, callsQuery, MOST_NEW, preceded } from "./calls";
import { type Followed, useFollower } from "./useFollower";

interface Calls {
  /** Where the tail began; null: not known yet. */
  begun: string | null;
  newest: readonly InvocationOut[];
  error: unknown;
}

const NOTHING: Calls = { begun: null, newest: [], error: null };

/**
 * What a list of calls adds to the page it read: those that ended since, newest first, while `follows`. The list is
 * read after `begun` is known, so that none is missed between the two; a call that is in both is there once.
 */
export function useCalls(worker: string, filter: CallFilter, follows: boolean): Calls & Pick<Source<never>, "waits"> {
  const [again, setAgain] = useState(0);
  const key = JSON.stringify([worker, filter, again]);
  const [kept, setKept] = useState({ key, calls: NOTHING });
  const calls = kept.key === key ? kept.calls : NOTHING; // at once: no call of one filter is shown under another
  useFollower(key, follows, () =>
    endedOf(
      worker,
      filter,
      (change) => setKept((before) => ({ key, calls: change(before.key === key ? before.calls : NOTHING) })),
      () => setAgain((before) => before + 1),
    ),
  );
  return { ...calls, waits: calls.begun === null };
}

function endedOf(
  worker: string,
  filter: CallFilter,
  set: (change: (before: Calls) => Calls) => void,
  tooMany: () => void,
): Followed {
  const path = { worker_id: worker };
  const query = callsQuery(filter);
  let place: string | undefined;
  let count = 0;
  return {
    async begin(signal) {
      const { cursor } = await data(workerTail({ path, query, signal }));
      place = cursor;
      set(() => ({ begun: cursor, newest: [], error: null }));
    },
    async more(signal) {
      const { events, cursor, more } = await data(workerTail({ path, query: { ...query, after: place }, signal }));
      place = cursor;
      const ended = events.flatMap(({ invocation }) => (invocation ? [invocation] : []));
      count += ended.length;
      if (count > MOST_NEW) {
        tooMany();
        return false;
      }
      set((before) => ({ ...before, newest: preceded(before.newest, ended), error: null }));
      return more;
    },
    failed: (error) => set((before) => ({ ...before, error })),
  };
}
