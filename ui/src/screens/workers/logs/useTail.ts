import { useState } from "react";
import { type WorkerLogOut, workerLogList, workerTail } from "@/api";
import { data } from "@/shell/api";
import { appended } from "./tail";
import { type Followed, useFollower } from "./useFollower";

const FIRST = 200;

export interface TailFilter {
  text: string;
  level: string;
  version: string;
}

interface Tail {
  lines: readonly WorkerLogOut[];
  /** Known what there was so far. */
  isRead: boolean;
  error: unknown;
}

const NOTHING: Tail = { lines: [], isRead: false, error: null };

/** The newest lines and, while `follows`, those that come. */
export function useTail(worker: string, filter: TailFilter, follows: boolean): Tail {
  const [tail, setTail] = useState<Tail>(NOTHING);
  useFollower(JSON.stringify([worker, filter]), follows, () => {
    setTail(NOTHING);
    return linesOf(worker, filter, setTail);
  });
  return tail;
}

function linesOf(worker: string, filter: TailFilter, set: (change: (before: Tail) => Tail) => void): Followed {
  const path = { worker_id: worker };
  const query = queryOf(filter);
  let place: string | undefined;
  return {
    /** Where the tail begins comes first: nothing that is written before the list is read can be missed. */
    async begin(signal) {
      place ??= (await data(workerTail({ path, query, signal }))).cursor;
      const { items } = await data(workerLogList({ path, query: { ...query, limit: FIRST }, signal }));
      set(() => ({ lines: appended([], items), isRead: true, error: null }));
    },
    async more(signal) {
      const { events, cursor, more } = await data(workerTail({ path, query: { ...query, after: place }, signal }));
      place = cursor;
      const lines = events.flatMap(({ log }) => (log ? [log] : []));
      set((before) => ({ lines: appended(before.lines, lines), isRead: true, error: null }));
      return more;
    },
    failed: (error) => set((before) => ({ ...before, isRead: true, error })),
  };
}

function queryOf({ text, level, version }: TailFilter) {
  return { ...(text && { text }), ...(level && { level }), ...(version && { version_id: version }) };
}
