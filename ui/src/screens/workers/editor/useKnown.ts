import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useRef, useState } from "react";
import { type WorkerOut, workerEnv, workerStubs } from "@/api";
import { data } from "@/shell/api";
import { type Bound, boundOf, declared, type Known, together } from "./complete";
import { type Stubs, stubsOf } from "./stubs";

const NONE: Stubs = { classes: new Map(), names: [] };

/** What completion knows; asked for when somebody first completes, not when the page is opened. */
export function useKnown(
  worker: WorkerOut,
  config: Record<string, unknown> | undefined,
  project: string | null | undefined,
) {
  const [isAsked, ask] = useState(false);
  const { data: stubs } = useQuery({
    queryKey: ["worker_stubs"],
    enabled: isAsked,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => {
      const { files, bindings: classes } = await data(workerStubs());
      return stubsOf(files["workers/__init__.pyi"] ?? "", classes);
    },
  });
  const { data: env } = useQuery({
    queryKey: ["workers", worker.id, "env"],
    enabled: isAsked,
    queryFn: () => data(workerEnv({ path: { worker_id: worker.id } })),
  });
  const known = useMemo<Known>(() => {
    const named: Bound[] = (env ?? []).map(({ name, kind }) => ({ name, kind }));
    const bound = (project ? declared(project) : null) ?? boundOf(config ?? {});
    return { stubs: stubs ?? NONE, env: together(bound, named) };
  }, [stubs, env, config, project]);
  const latest = useRef(known);
  latest.current = known;
  return { known: useCallback(() => latest.current, []), ask: useCallback(() => ask(true), []) };
}
