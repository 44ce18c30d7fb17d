import { useEffect, useRef, useState } from "react";
import { type WorkerLogOut, workerLogList, workerTail } from "@/api";
import { data } from "@/shell/api";
import { live } from "@/shell/liveConnection";
import { Follower } from "./follower";
import { appended } from "./tail";

const FIRST = 200;
const LOOK_MS = 20_000;
const NOUN = "worker-log";

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

/**
 * The newest lines and, while `follows`, those that come. The live line says that there is something new; since what it
 * says may be lost, it is looked for now and then too. What failed is asked again.
 */
export function useTail(worker: string, { text, level, version }: TailFilter, follows: boolean): Tail {
  const [tail, setTail] = useState<Tail>(NOTHING);
  const follower = useRef<Follower | null>(null);
  const wanted = useRef(follows);
  useEffect(() => {
    const over = new AbortController();
    const { signal } = over;
    const path = { worker_id: worker };
    const query = filterOf(text, level, version);
    let place: string | undefined;
    let isRead = false;
    /** Where the tail begins comes first: nothing that is written before the list is read can be missed. */
    async function begin(): Promise<void> {
      place ??= (await data(workerTail({ path, query, signal }))).cursor;
      const { items } = await data(workerLogList({ path, query: { ...query, limit: FIRST }, signal }));
      isRead = true;
      setTail({ lines: appended([], items), isRead: true, error: null });
    }
    const own = new Follower(
      async () => {
        if (!isRead) {
          await begin();
          own.follow(wanted.current);
          return false;
        }
        const { events, cursor, more } = await data(workerTail({ path, query: { ...query, after: place }, signal }));
        place = cursor;
        const lines = events.flatMap(({ log }) => (log ? [log] : []));
        setTail((before) => ({ lines: appended(before.lines, lines), isRead: true, error: null }));
        return more;
      },
      (error) => setTail((before) => ({ ...before, isRead: true, error })),
    );
    follower.current = own;
    setTail(NOTHING);
    own.follow(true); // the first read is made although it is paused
    own.tell();
    const deaf = live.listen((nouns) => (nouns === null || nouns.includes(NOUN)) && own.tell());
    const looking = setInterval(() => own.tell(), LOOK_MS);
    return () => {
      follower.current = null;
      own.end();
      over.abort();
      deaf();
      clearInterval(looking);
    };
  }, [worker, text, level, version]);

  const { isRead } = tail;
  useEffect(() => {
    wanted.current = follows;
    if (isRead) follower.current?.follow(follows);
  }, [follows, isRead]);
  return tail;
}

function filterOf(text: string, level: string, version: string) {
  return { ...(text && { text }), ...(level && { level }), ...(version && { version_id: version }) };
}
