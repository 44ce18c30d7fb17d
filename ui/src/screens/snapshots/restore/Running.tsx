import { useMutation, useQuery } from "@tanstack/react-query";
import { Check, CircleSlash, LoaderCircle } from "lucide-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { type RestoreOut, type RunOut, restoreList, runCancel, runGet, type SnapshotOut } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { ENDED, Progress } from "@/parts/RunState";
import { Skeleton } from "@/parts/small";
import { clock } from "@/parts/text";
import { A } from "@/shell/address";
import { ApiError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { type LogLine, useRunStream } from "../../activity/useRunStream";
import { Report } from "./Report";
import { stageAt, stagesOf, type Wish } from "./wish";

interface Props {
  snapshot: SnapshotOut;
  wish: Wish;
  onAgain: () => void;
}

/** The run as it goes, then what became of it. Leaving the page stops nothing. */
export function Running({ snapshot, wish, onAgain }: Props) {
  const { t } = useTranslation();
  const id = wish.run;
  const {
    data: run,
    error,
    refetch,
  } = useQuery({ queryKey: ["runs", id], queryFn: () => data(runGet({ path: { run_id: id } })) });
  const lines = useRunStream(id);
  const over = run !== undefined && ENDED.includes(run.state);
  const restores = useQuery({
    queryKey: ["snapshots", snapshot.id, "restores", id, over],
    queryFn: () => data(restoreList({ query: { snapshot_id: snapshot.id, limit: 50 } })),
  });
  const restore = restores.data?.items.find(({ run_id }) => run_id === id);
  useEffect(() => {
    if (!over) return;
    for (const noun of ["databases", "snapshots"]) void queries.invalidateQueries({ queryKey: [noun, "list"] });
  }, [over]);
  const failure = error ?? restores.error;
  if (failure && !run) return <ErrorPanel error={failure} retry={() => void refetch()} />;
  if (!run) return <Skeleton className="h-24" />;
  if (run.state === "succeeded" && restore) return <Report snapshot={snapshot} run={run} restore={restore} />;
  if (over && run.state !== "succeeded") return <Failed run={run} restore={restore} lines={lines} onAgain={onAgain} />;
  return (
    <div className="grid gap-5">
      <div className="flex flex-wrap items-center gap-3">
        <h2 className="flex-1 font-semibold text-base">{t("restore:going", { name: snapshot.resource_name })}</h2>
        <Cancel run={run} />
      </div>
      <Stages run={run} wish={wish} restore={restore} />
      {run.progress && <Progress of={run.progress} label={t("activity:progress")} />}
      <p className="text-muted text-xs">{t("restore:leave")}</p>
      <Log lines={lines} />
    </div>
  );
}

function Cancel({ run }: { run: RunOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const cancel = useMutation({
    mutationFn: () => data(runCancel({ path: { run_id: run.id } })),
    networkMode: "always",
    onSuccess: (after) => queries.setQueryData(["runs", run.id], after),
  });
  if (!can("run.cancel")) return null;
  const asked = Boolean(run.cancel_requested_at);
  return (
    <Button icon={<CircleSlash />} busy={cancel.isPending || asked} onClick={() => cancel.mutate()}>
      {t(asked ? "activity:cancelling" : "activity:cancel")}
    </Button>
  );
}

/** What has been done, what is being done, what is still to come. */
function Stages({ run, wish, restore }: { run: RunOut; wish: Wish; restore: RestoreOut | undefined }) {
  const { t } = useTranslation();
  const stages = stagesOf({
    mode: restore?.mode ?? wish.mode,
    safety: restore ? restore.safety_snapshot_id !== null : wish.safety,
    masking: restore ? restore.masking !== null : wish.masking !== "",
  });
  const at = stageAt(stages, run.progress?.phase);
  const here = at ? stages.indexOf(at) : -1;
  return (
    <ol className="grid gap-2">
      {stages.map((stage, nth) => (
        <li key={stage} className="flex items-center gap-2.5" aria-current={nth === here ? "step" : undefined}>
          <span
            aria-hidden
            className={cx(
              "grid size-5 place-items-center rounded-full",
              nth < here ? "bg-good-soft text-good" : nth === here ? "bg-info-soft text-info" : "bg-hover text-faint",
            )}
          >
            {nth < here ? (
              <Check className="size-3" />
            ) : nth === here ? (
              <LoaderCircle className="size-3 animate-spin" />
            ) : (
              <span className="size-1.5 rounded-full bg-current" />
            )}
          </span>
          <span className={cx(nth === here ? "font-medium" : "text-muted")}>{t(`restore:stages.${stage}`)}</span>
        </li>
      ))}
    </ol>
  );
}

interface FailedProps {
  run: RunOut;
  restore: RestoreOut | undefined;
  lines: readonly LogLine[];
  onAgain: () => void;
}

function Failed({ run, restore, lines, onAgain }: FailedProps) {
  const { t } = useTranslation();
  const told = run.error as { code?: string; message?: string; hint?: string } | null;
  const cancelled = run.state === "cancelled";
  return (
    <div className="grid gap-4">
      <h2 className="font-semibold text-base">{t(cancelled ? "restore:cancelled" : "restore:failed")}</h2>
      {!cancelled && (
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
      {restore && told?.code !== "swap_incomplete" && (
        <p className="text-muted">{t(restore.mode === "in_place" ? "restore:untouched" : "restore:nothingLeft")}</p>
      )}
      {told?.code && <code className="text-faint text-xs">{told.code}</code>}
      <Log lines={lines} />
      <div className="flex flex-wrap gap-2">
        <Button look="primary" onClick={onAgain}>
          {t("restore:again")}
        </Button>
        <Button asChild>
          <A to={`/runs/${run.id}`}>{t("restore:openRun")}</A>
        </Button>
      </div>
    </div>
  );
}

const SEEN_LINES = 200;

function Log({ lines }: { lines: readonly LogLine[] }) {
  const { t } = useTranslation();
  const box = useRef<HTMLOListElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new line is what moves it
  useEffect(() => {
    // A statement, not the value: scrolling gives a promise in newer browsers, which React would call as a clean-up.
    box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [lines]);
  if (lines.length === 0) return null;
  return (
    <ol
      ref={box}
      aria-label={t("activity:log")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      className="max-h-48 overflow-y-auto rounded-md border bg-sunken px-3 py-2 font-mono text-xs"
    >
      {lines.slice(-SEEN_LINES).map((line) => (
        <li key={line.seq} className="flex gap-3">
          <time className="shrink-0 text-muted">{clock(line.at)}</time>
          <span className="min-w-0 break-words">{line.message}</span>
        </li>
      ))}
    </ol>
  );
}
