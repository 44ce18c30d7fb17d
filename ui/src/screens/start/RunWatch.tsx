import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { type RunOut, runGet } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { ENDED, Progress, RunState } from "@/parts/RunState";
import { Skeleton } from "@/parts/small";
import { A } from "@/shell/address";
import { ApiError, data } from "@/shell/api";
import { useRunStream } from "../activity/useRunStream";

interface Props {
  id: string;
  label: string;
  /** Told once, also when it had ended before it was looked at. */
  onDone: (run: RunOut) => void;
  /** Back to where it was asked for. */
  onAgain: () => void;
}

/** A run as it goes, its newest line below; a failure with the server's words. */
export function RunWatch({ id, label, onDone, onAgain }: Props) {
  const { t } = useTranslation();
  const {
    data: run,
    error,
    refetch,
  } = useQuery({ queryKey: ["runs", id], queryFn: () => data(runGet({ path: { run_id: id } })) });
  const lines = useRunStream(id);
  const done = useRef(onDone);
  done.current = onDone;
  const isDone = run?.state === "succeeded";
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, not at each of its later readings
  useEffect(() => {
    if (run && isDone) done.current(run);
  }, [isDone]);
  if (error && !run) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!run) return <Skeleton className="h-9 w-full" />;
  const failed = ENDED.includes(run.state) && !isDone;
  const told = run.error as { code?: string; message?: string; hint?: string } | null;
  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center gap-2" role="status">
        <RunState state={run.state} />
        <span className="text-muted text-xs">{label}</span>
        <A to={`/runs/${id}`} className="ml-auto text-accent-text text-xs hover:underline">
          {t("activity:watch")}
        </A>
      </div>
      {run.progress && !failed && !isDone && <Progress of={run.progress} label={label} />}
      {!failed && (
        <p className="truncate font-mono text-muted text-xs" aria-hidden>
          {lines.at(-1)?.message ?? "\u00a0"}
        </p>
      )}
      {failed && (
        <>
          <ErrorText
            error={
              new ApiError(0, {
                code: told?.code ?? run.state,
                message: told?.message ?? t(`activity:states.${run.state}`),
                hint: told?.hint,
              })
            }
          />
          <div>
            <Button onClick={onAgain}>{t("shell:retry")}</Button>
          </div>
        </>
      )}
    </div>
  );
}
