import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { type RunOut, runGet } from "@/api";
import { ErrorText } from "@/parts/ErrorPanel";
import { ENDED, Progress, RunState } from "@/parts/RunState";
import { A } from "@/shell/address";
import { ApiError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useRunStream } from "./useRunStream";

const SEEN_LINES = 100;

interface Props {
  run: RunOut;
  /** What is being done, for who cannot see the bar. */
  label: string;
  /** Read again when it ends, besides runs: the first words of query keys. */
  nouns?: readonly string[];
  /** What came of it, once it succeeded. */
  children?: (run: RunOut) => ReactNode;
  /** What more is said when it failed: the error is there already. */
  failed?: (run: RunOut) => ReactNode;
  onEnded?: (run: RunOut) => void;
}

/** A run as it goes, and what came of it. Whoever closes this does not stop it. */
export function Following({ run: begun, label, nouns = [], children, failed, onEnded }: Props) {
  const { t } = useTranslation();
  const { data: run = begun } = useQuery({
    queryKey: ["runs", begun.id],
    queryFn: () => data(runGet({ path: { run_id: begun.id } })),
    initialData: begun,
    initialDataUpdatedAt: 0,
  });
  const lines = useRunStream(begun.id);
  const over = ENDED.includes(run.state);
  const latest = useRef({ run, nouns, onEnded });
  latest.current = { run, nouns, onEnded };
  useEffect(() => {
    if (!over) return;
    const { run, nouns, onEnded } = latest.current;
    for (const noun of nouns) void queries.invalidateQueries({ queryKey: [noun] });
    onEnded?.(run);
  }, [over]);
  const told = run.error as { code?: string; message?: string; hint?: string } | null;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <div className="flex items-center justify-between gap-2">
        <span aria-live="polite">
          <RunState state={run.state} />
        </span>
        <A to={`/runs/${run.id}`} className="text-accent-text text-xs hover:underline">
          {t("activity:log")}
        </A>
      </div>
      {!over && run.progress && <Progress of={run.progress} label={label} />}
      {!over && <Lines lines={lines.map(({ message }) => message)} />}
      {over && run.state !== "succeeded" && (
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
      {over && run.state !== "succeeded" && failed?.(run)}
      {run.state === "succeeded" && children?.(run)}
    </div>
  );
}

function Lines({ lines }: { lines: readonly string[] }) {
  const box = useRef<HTMLOListElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new line is what moves it
  useEffect(() => {
    // A statement, not the value: scrolling gives a promise in newer browsers, which React would call as a clean-up.
    box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [lines.length]);
  if (lines.length === 0) return null;
  return (
    <ol ref={box} className="max-h-40 overflow-y-auto rounded-md bg-sunken p-2 font-mono text-xs">
      {lines.slice(-SEEN_LINES).map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added
        <li key={at} className="break-words">
          {line}
        </li>
      ))}
    </ol>
  );
}
