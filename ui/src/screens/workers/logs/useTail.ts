import { useEffect, useRef, useState } from "react";
import { type WorkerLogOut, workerLogList } from "@/api";
import { data } from "@/shell/api";
import { appended } from "./tail";

const FIRST = 200;
const WAIT_SECONDS = 20;
const AGAIN_MS = 3000;

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
 * The newest lines and, while `follows`, those that come: the server holds a question until there is one, so that nothing
 * is asked in between. One that fails is asked again.
 */
export function useTail(worker: string, { text, level, version }: TailFilter, follows: boolean): Tail {
  const [tail, setTail] = useState<Tail>(NOTHING);
  const from = useRef<number | null>(null);
  const { isRead } = tail;
  useEffect(() => {
    const over = new AbortController();
    setTail(NOTHING);
    from.current = null;
    const query = { ...filterOf(text, level, version), limit: FIRST };
    data(workerLogList({ path: { worker_id: worker }, query, signal: over.signal })).then(
      ({ items }) => {
        from.current = items[0]?.seq ?? 0;
        setTail({ lines: appended([], items), isRead: true, error: null });
      },
      (error) => over.signal.aborted || setTail({ lines: [], isRead: true, error }),
    );
    return () => over.abort();
  }, [worker, text, level, version]);

  useEffect(() => {
    if (!follows || !isRead || from.current === null) return;
    const over = new AbortController();
    const { signal } = over;
    const query = filterOf(text, level, version);
    const follow = async () => {
      while (!signal.aborted) {
        try {
          const asked = { ...query, after: from.current ?? 0, wait: WAIT_SECONDS, limit: FIRST };
          const { items } = await data(workerLogList({ path: { worker_id: worker }, query: asked, signal }));
          from.current = Math.max(from.current ?? 0, ...items.map(({ seq }) => seq));
          setTail((before) => ({ lines: appended(before.lines, items), isRead: true, error: null }));
        } catch (error) {
          if (signal.aborted) return;
          setTail((before) => ({ ...before, error }));
          await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        }
      }
    };
    void follow();
    return () => over.abort();
  }, [worker, text, level, version, follows, isRead]);
  return tail;
}

function filterOf(text: string, level: string, version: string) {
  return { ...(text && { text }), ...(level && { level }), ...(version && { version_id: version }) };
}
