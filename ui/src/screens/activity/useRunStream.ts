import { useEffect, useState } from "react";
import type { LogLineOut, ProgressOut, RunOut } from "@/api";
import { queries } from "@/shell/query";

export type LogLine = LogLineOut;
const GATHER_MS = 100;

/**
 * A run's log as it is written, by the API's own stream of events; state and progress go where every other view of the
 * run reads them. The browser comes back with Last-Event-ID by itself, so that no line is missed or seen twice.
 */
export function useRunLog(id: string): { lines: readonly LogLine[]; isWhole: boolean } {
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  // An ended run's last event comes after its last line: before it, nobody knows that there is none.
  const [isWhole, setWhole] = useState(false);
  useEffect(() => {
    setLines([]);
    setWhole(false);
    const source = new EventSource(`/api/v1/runs/${encodeURIComponent(id)}/events`);
    const key = ["runs", id];
    let waiting: LogLine[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const some = waiting;
      waiting = [];
      setLines((before) => [...before, ...some]);
    };
    source.addEventListener("log", ({ data }) => {
      waiting.push(JSON.parse(data) as LogLine);
      timer ??= setTimeout(flush, GATHER_MS);
    });
    source.addEventListener("progress", ({ data }) => {
      const progress = JSON.parse(data) as ProgressOut;
      queries.setQueryData<RunOut>(key, (before) => before && { ...before, progress });
    });
    source.addEventListener("state", ({ data }) => {
      const run = JSON.parse(data) as RunOut;
      // An answer that is under way may come after this and tell of what was: it is given up.
      void queries.cancelQueries({ queryKey: key, exact: true }).then(() => queries.setQueryData(key, run));
      if (!["succeeded", "failed", "cancelled"].includes(run.state)) return;
      setWhole(true);
      source.close(); // the server ends it too, and the browser would begin anew
      void queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] === "runs" && queryKey[1] !== id });
    });
    return () => {
      source.close();
      clearTimeout(timer);
    };
  }, [id]);
  return { lines, isWhole };
}

/** Its lines alone. */
export function useRunStream(id: string): readonly LogLine[] {
  return useRunLog(id).lines;
}
