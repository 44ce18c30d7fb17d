import { useMutation, useQuery } from "@tanstack/react-query";
import { CalendarClock, Play } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type CronTurnOut, type ScheduleOut, workerCronList, workerCronRun, workerCronTurns } from "@/api";
import { Button } from "@/parts/Button";
import { Entries, Entry } from "@/parts/Entries";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { Section } from "@/parts/Page";
import { Badge, Empty, Skeleton, Time } from "@/parts/small";
import { moment } from "@/parts/text";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { short } from "../overview/series";
import type { TabProps } from "../tabs";
import { WorkerForm } from "./WorkerForm";

const TURNS = 20;

/** When its code runs by itself: the crons of what is deployed, and what became of their turns. */
export function Crons({ worker }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["workers", worker.id, "crons"],
    // Versions that share the requests have the same ones mostly: each line is shown once.
    queryFn: async () => distinct(await data(workerCronList({ path: { worker_id: worker.id } }))),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <>
      <Section title={t("workers:parts.crons")}>
        {!found && <Skeleton className="h-10" />}
        {found?.length === 0 && (
          <Empty icon={<CalendarClock />} title={t("workers:noCrons")} lead={t("workers:noCronsLead")} />
        )}
        <Entries label={t("workers:parts.crons")}>
          {found?.map((each) => (
            <Cron key={each.cron} worker={worker} of={each} />
          ))}
        </Entries>
      </Section>
      {can("worker.logs.read") && found && found.length > 0 && <Turns worker={worker} />}
      <WorkerForm
        worker={worker}
        title={t("workers:zone")}
        lead={t("workers:zoneLead")}
        begin={({ settings }) => ({ tz: settings.tz ?? "UTC" })}
        end={({ tz }, { settings }) => ({ settings: { ...settings, tz: tz.trim() } })}
      >
        {(draft, set, wrong) => (
          <Field label={t("workers:zone")} error={wrong["settings.tz"] ?? null}>
            {(given) => (
              <Input
                {...given}
                required
                list="worker-zones"
                spellCheck={false}
                maxLength={64}
                value={draft.tz}
                onChange={(event) => set({ tz: event.target.value })}
              />
            )}
          </Field>
        )}
      </WorkerForm>
      <datalist id="worker-zones">
        {Intl.supportedValuesOf("timeZone").map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  );
}

function distinct(all: readonly ScheduleOut[]): ScheduleOut[] {
  return [...new Map(all.map((each) => [each.cron, each])).values()];
}

function Cron({ worker, of }: TabProps & { of: ScheduleOut }) {
  const { t } = useTranslation();
  const able = useCan()("worker.invoke");
  const run = useMutation({
    mutationFn: () => data(workerCronRun({ path: { worker_id: worker.id }, body: { cron: of.cron } })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: ({ outcome }) => {
      if (outcome === "ok") toast.good(t("workers:turnTaken"));
      else toast.bad(t("workers:turnFailed"));
      void queries.invalidateQueries({ queryKey: ["workers", worker.id, "turns"] });
    },
  });
  return (
    <Entry
      title={<code className="font-mono text-xs">{of.cron}</code>}
      lead={
        <>
          <span>
            {t("workers:nextTurns")}:{" "}
            {of.next
              .slice(0, 3)
              .map((at) => moment(at))
              .join(" · ") || "–"}
          </span>
          {run.error && (
            <div className="mt-2 max-w-xl">
              <ErrorText error={asError(run.error)} />
            </div>
          )}
        </>
      }
    >
      {able && (
        <Button size="small" icon={<Play />} busy={run.isPending} onClick={() => run.mutate()}>
          {t("workers:runNow")}
        </Button>
      )}
    </Entry>
  );
}

/** The last ones, newest first. */
function Turns({ worker }: TabProps) {
  const { t } = useTranslation();
  const { data: found, error } = useQuery({
    queryKey: ["workers", worker.id, "turns"],
    queryFn: async () =>
      (await data(workerCronTurns({ path: { worker_id: worker.id }, query: { limit: TURNS } }))).items,
  });
  if (error) return <ErrorPanel error={error} />;
  return (
    <Section title={t("workers:lastTurns")}>
      {!found && <Skeleton className="h-10" />}
      {found?.length === 0 && <p className="text-muted text-xs">{t("workers:noTurns")}</p>}
      <ul aria-label={t("workers:lastTurns")}>
        {found?.map((each) => (
          <Turn key={`${each.id} ${each.attempt}`} of={each} />
        ))}
      </ul>
    </Section>
  );
}

function Turn({ of }: { of: CronTurnOut }) {
  const { t } = useTranslation();
  const tone = of.outcome === null ? "info" : of.outcome === "ok" ? "good" : of.outcome === "missed" ? "warn" : "bad";
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t py-1.5 text-xs first:border-t-0">
      <Badge tone={tone}>{t(`workers:outcomes.${of.outcome ?? "running"}`, { defaultValue: of.outcome ?? "" })}</Badge>
      <code className="font-mono">{of.cron}</code>
      <Time at={new Date(of.scheduled_at).toISOString()} />
      {of.wall_ms !== null && <span className="text-muted">{short(of.wall_ms)}</span>}
      {of.attempt > 1 && <span className="text-muted">{t("workers:attempt", { nth: of.attempt })}</span>}
      {of.error && <span className="min-w-0 basis-full break-words text-bad">{of.error}</span>}
    </li>
  );
}
