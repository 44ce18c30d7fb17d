import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseRunOut, runGet } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorText } from "@/parts/ErrorPanel";
import { ENDED, Progress, RunState } from "@/parts/RunState";
import { useGo } from "@/shell/address";
import { ApiError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useRunStream } from "../../activity/useRunStream";

const SEEN_LINES = 200;

interface Props {
  made: DatabaseRunOut;
  onClose: () => void;
  /** Back to the form, which is as it was left. */
  onAgain: () => void;
}

/** The run that makes it, line by line; then the page of what was made. Closing the sheet does not stop it. */
export function Making({ made, onClose, onAgain }: Props) {
  const { t } = useTranslation();
  const go = useGo();
  const log = useRef<HTMLOListElement>(null);
  const { id } = made.run;
  const { data: run = made.run } = useQuery({
    queryKey: ["runs", id],
    queryFn: () => data(runGet({ path: { run_id: id } })),
    initialData: made.run,
    initialDataUpdatedAt: 0,
  });
  const lines = useRunStream(id);
  const succeeded = run.state === "succeeded";
  const latest = useRef({ go, onClose });
  latest.current = { go, onClose };
  useEffect(() => {
    if (!succeeded) return;
    void queries.invalidateQueries({ queryKey: ["databases"] });
    latest.current.onClose();
    latest.current.go(`/databases/${made.resource.id}`);
  }, [succeeded, made.resource.id]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new line is what moves it
  useEffect(() => {
    // A statement, not the value: scrolling gives a promise in newer browsers, which React would call as a clean-up.
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [lines]);
  const failed = ENDED.includes(run.state) && !succeeded;
  const told = run.error as { code?: string; message?: string; hint?: string } | null;
  return (
    <div className="grid gap-3">
      <div className="flex items-center gap-2" aria-live="polite">
        <RunState state={run.state} />
        <span className="text-muted text-xs">{!failed && t("create:wait")}</span>
      </div>
      {!failed && (
        <Progress of={run.progress ?? NO_PROGRESS} label={t("create:making", { name: made.resource.name })} />
      )}
      {lines.length > 0 && (
        <ol ref={log} className="max-h-56 overflow-y-auto rounded-md bg-sunken p-2 font-mono text-xs">
          {lines.slice(-SEEN_LINES).map((line, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added
            <li key={at} className="break-words">
              {line.message}
            </li>
          ))}
        </ol>
      )}
      {failed && (
        <ErrorText
          error={
            new ApiError(0, {
              code: told?.code ?? run.state,
              message: told?.message ?? t(`activity:states.${run.state}`),
              hint: told?.hint,
            })
          }
        />
      )}
      <div className="flex justify-end gap-2">
        {failed && <Button onClick={onAgain}>{t("create:again")}</Button>}
        <Button
          look={failed ? "primary" : "plain"}
          onClick={() => {
            onClose();
            go(`/databases/${made.resource.id}`);
          }}
        >
          {t("create:open")}
        </Button>
      </div>
    </div>
  );
}

const NO_PROGRESS = { done: 0, total: null, unit: "steps", phase: "", rate: null, eta_seconds: null } as never;
