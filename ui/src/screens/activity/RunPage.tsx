import { useMutation, useQuery } from "@tanstack/react-query";
import { CircleSlash, RotateCcw } from "lucide-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { type RunOut, runCancel, runGet, snapshotCreate, snapshotVerify } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorPanel, sentence } from "@/parts/ErrorPanel";
import { Facts, PageHead, Section } from "@/parts/Page";
import { ENDED, Progress, RunState, useRunTitle } from "@/parts/RunState";
import { CopyButton, Skeleton, Time } from "@/parts/small";
import { clock, lasted } from "@/parts/text";
import { A, useGo, useId } from "@/shell/address";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan, useWho } from "@/shell/session";
import { type LogLine, useRunStream } from "./useRunStream";

export default function RunPage() {
  const { t } = useTranslation();
  const id = useId();
  const title = useRunTitle();
  const {
    data: run,
    error,
    refetch,
  } = useQuery({
    queryKey: ["runs", id],
    queryFn: () => data(runGet({ path: { run_id: id } })),
  });
  const lines = useRunStream(id);
  if (error && !run) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col overflow-y-auto">
      <PageHead
        title={run ? title(run.kind) : "…"}
        back={{ to: "/activity", title: t("activity:title") }}
        state={run && <RunState state={run.state} />}
        lead={<span className="font-mono">{id}</span>}
      >
        {run && <Verbs run={run} />}
      </PageHead>
      <div className="border-t">{run ? <Details run={run} title={title(run.kind)} /> : <Waiting />}</div>
      <Section
        title={t("activity:log")}
        aside={lines.length > 0 && <CopyButton text={asText(lines)} label={t("shell:copy")} />}
      >
        <Log lines={lines} over={run ? ENDED.includes(run.state) : false} />
      </Section>
    </div>
  );
}

function Verbs({ run }: { run: RunOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const cancel = useMutation({
    mutationFn: () => data(runCancel({ path: { run_id: run.id } })),
    onSuccess: (after) => queries.setQueryData(["runs", run.id], after),
  });
  const again = useMutation({
    mutationFn: () => repeat(run),
    onSuccess: (next) => next && go(`/runs/${next.id}`),
  });
  const over = ENDED.includes(run.state);
  return (
    <>
      {!over && can("run.cancel") && (
        <Button
          icon={<CircleSlash />}
          busy={cancel.isPending || Boolean(run.cancel_requested_at)}
          onClick={() => cancel.mutate()}
        >
          {run.cancel_requested_at ? t("activity:cancelling") : t("activity:cancel")}
        </Button>
      )}
      {over && run.state !== "succeeded" && canRepeat(run) && can(run.kind) && (
        <Button icon={<RotateCcw />} busy={again.isPending} onClick={() => again.mutate()}>
          {t("activity:again")}
        </Button>
      )}
    </>
  );
}

/** Only what can be asked for anew from the run alone, without anything typed; the rest is asked where it was. */
function canRepeat({ kind, resource_id, input }: RunOut): boolean {
  if (kind === "snapshot.create") return resource_id !== null;
  return kind === "snapshot.verify" && typeof input.snapshot_id === "string";
}

async function repeat(run: RunOut): Promise<RunOut | null> {
  if (run.kind === "snapshot.create" && run.resource_id)
    return (await data(snapshotCreate({ path: { database_id: run.resource_id }, body: {}, headers: once() }))).run;
  if (run.kind === "snapshot.verify")
    return (await data(snapshotVerify({ path: { snapshot_id: String(run.input.snapshot_id) }, body: {} }))).run;
  return null;
}

function Details({ run, title }: { run: RunOut; title: string }) {
  const { t } = useTranslation();
  const who = useWho();
  const started = run.started_at ? Date.parse(run.started_at) : null;
  const took = started && run.finished_at ? (Date.parse(run.finished_at) - started) / 1000 : null;
  const snapshot = run.result?.snapshot_id ?? run.input.snapshot_id;
  return (
    <>
      {run.error && (
        <Section title={t("activity:why")}>
          <div className="max-w-3xl rounded-md bg-bad-soft px-3 py-2 text-bad">
            <p>{sentence(String(run.error.message ?? run.error.code ?? ""))}</p>
            {run.error.hint ? <p className="text-text/80 text-xs">{String(run.error.hint)}</p> : null}
            <code className="text-xs opacity-80">{String(run.error.code ?? "")}</code>
          </div>
        </Section>
      )}
      {run.state === "running" && run.progress && (
        <Section title={t("activity:progress")}>
          <div className="max-w-2xl">
            <Progress of={run.progress} label={title} />
          </div>
        </Section>
      )}
      <Section title={t("activity:facts")}>
        <Facts
          facts={[
            [t("activity:asked"), <Time key="asked" at={run.requested_at} />],
            [t("activity:started"), <Time key="started" at={run.started_at} />],
            [t("snapshots:took"), took === null ? "–" : lasted(took)],
            [t("activity:by"), run.actor === who.id ? who.display : run.actor],
            [t("snapshots:trigger"), t(`snapshots:triggers.${run.trigger}`, { defaultValue: run.trigger })],
            ...(run.resource_id
              ? [
                  [
                    t("snapshots:database"),
                    <A key="db" to={`/databases/${run.resource_id}`} className="text-accent-text hover:underline">
                      {run.resource_id}
                    </A>,
                  ] as const,
                ]
              : []),
            ...(typeof snapshot === "string" && run.resource_id
              ? [
                  [
                    t("snapshots:one"),
                    <A key="snap" to={`/snapshots/${snapshot}`} className="text-accent-text hover:underline">
                      {snapshot}
                    </A>,
                  ] as const,
                ]
              : []),
          ]}
        />
      </Section>
    </>
  );
}

function asText(lines: readonly LogLine[]): string {
  return lines.map((line) => `${line.at} ${line.level} ${line.message}`).join("\n");
}

const LEVELS: Record<string, string> = { warning: "text-warn", error: "text-bad", critical: "text-bad" };

/** Follows its end until one scrolls up. */
function Log({ lines, over }: { lines: readonly LogLine[]; over: boolean }) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a line more moves the end
  useEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  return (
    <div
      ref={box}
      role="log"
      aria-label={t("activity:log")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      onScroll={({ currentTarget: at }) => {
        follows.current = at.scrollHeight - at.scrollTop - at.clientHeight < 24;
      }}
      className="max-h-[50vh] min-h-16 overflow-y-auto rounded-md border bg-sunken px-3 py-2 font-mono text-xs"
    >
      {lines.length === 0 && <p className="text-muted">{over ? t("activity:noLog") : t("activity:waiting")}</p>}
      {lines.map((line) => (
        <p key={line.seq} className="flex gap-3">
          <time className="shrink-0 text-faint">{clock(line.at)}</time>
          <span className={cx("min-w-0 whitespace-pre-wrap break-words", LEVELS[line.level])}>{line.message}</span>
        </p>
      ))}
    </div>
  );
}

function Waiting() {
  return (
    <div className="grid gap-3 p-6">
      <Skeleton className="h-4 w-64" />
      <Skeleton className="h-4 w-96 max-w-full" />
    </div>
  );
}
