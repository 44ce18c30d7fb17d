import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { databaseGet, type RunOut, runsList } from "@/api";
import { sentence } from "@/parts/ErrorPanel";
import { Facts, Section } from "@/parts/Page";
import { Progress } from "@/parts/RunState";
import { CopyButton, Skeleton, Time } from "@/parts/small";
import { lasted, moment } from "@/parts/text";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan, useWho } from "@/shell/session";
import { lastings, waitingFor } from "./log";
import { tellable } from "./measured";
import { Told } from "./Told";

/** What is looked for first: why it failed, what it waits for, how far it is, and when. */
export function RunFacts({ run, title }: { run: RunOut; title: string }) {
  const { t } = useTranslation();
  return (
    <>
      {run.error && <Why error={run.error} />}
      {run.state === "queued" && <Waits run={run} />}
      {run.state === "running" && run.progress && (
        <Section title={t("activity:progress")}>
          <div className="max-w-2xl">
            <Progress of={run.progress} label={title} />
          </div>
        </Section>
      )}
      <Section title={t("activity:facts")}>
        <Times run={run} />
      </Section>
    </>
  );
}

/** Its parts with their times, what it made, and what it was begun with. */
export function RunMore({ run }: { run: RunOut }) {
  const { t } = useTranslation();
  const phases = lastings(run.progress?.phases ?? [], run.finished_at);
  const made = tellable(run.result ?? {});
  const asked = tellable(run.input);
  return (
    <>
      {phases.length > 1 && (
        <Section title={t("activity:phases")}>
          <ol className="grid max-w-2xl gap-1">
            {phases.map(({ phase, seconds }, nth) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a phase may come twice, and they are only added to
              <li key={nth} className="flex justify-between gap-4">
                <span className="truncate">{phase}</span>
                <span className="figures shrink-0 text-muted">{seconds === null ? "…" : lasted(seconds)}</span>
              </li>
            ))}
          </ol>
        </Section>
      )}
      {made.length > 0 && (
        <Section title={t("activity:made")}>
          <Pairs of={made} />
        </Section>
      )}
      {asked.length > 0 && (
        <Section title={t("activity:parameters")}>
          <Pairs of={asked} />
        </Section>
      )}
    </>
  );
}

function Why({ error }: { error: NonNullable<RunOut["error"]> }) {
  const { t } = useTranslation();
  return (
    <Section title={t("activity:why")}>
      <div className="max-w-3xl rounded-md bg-bad-soft px-3 py-2 text-bad">
        <p className="[overflow-wrap:anywhere]">{sentence(String(error.message ?? error.code ?? ""))}</p>
        {error.hint ? <p className="text-sm text-text">{String(error.hint)}</p> : null}
        <code className="text-xs">{String(error.code ?? "")}</code>
      </div>
    </Section>
  );
}

/** Says for what, as far as that can be seen from here: its moment, its batch, another run of the same, or its turn. */
function Waits({ run }: { run: RunOut }) {
  const { t } = useTranslation();
  const { data: other } = useQuery({
    queryKey: ["runs", run.id, "before", run.resource_id],
    queryFn: async () => {
      const query = { resource_id: run.resource_id ?? "", state: ["running"], limit: 1 };
      return (await data(runsList({ query }))).items[0] ?? null;
    },
    enabled: run.resource_id !== null,
  });
  const what = waitingFor(run, other?.id);
  const link = what === "batch" ? run.carrier : other?.id;
  if (what === null) return null;
  return (
    <Section title={t("activity:waits")}>
      <p className="text-sm">
        {t(`activity:waitsFor.${what}`, { at: run.scheduled_at ? moment(run.scheduled_at) : "" })}{" "}
        {(what === "batch" || what === "other") && link && (
          <A to={`/runs/${link}`} className="text-accent-text hover:underline">
            {t("activity:watch")}
          </A>
        )}
      </p>
    </Section>
  );
}

function Times({ run }: { run: RunOut }) {
  const { t } = useTranslation();
  const who = useWho();
  const can = useCan();
  const { data: of } = useQuery({
    queryKey: ["databases", run.resource_id],
    queryFn: () => data(databaseGet({ path: { database_id: run.resource_id ?? "" } })),
    enabled: run.resource_id !== null && can("database.read"),
    retry: false,
  });
  const begun = run.started_at ? Date.parse(run.started_at) : null;
  const took = begun && run.finished_at ? (Date.parse(run.finished_at) - begun) / 1000 : null;
  const by = run.actor === who.id ? who.display : run.actor === "system" ? "Holdfast" : run.actor;
  return (
    <Facts
      facts={[
        [t("activity:asked"), <Time key="asked" at={run.requested_at} />],
        ...(run.scheduled_at ? [[t("activity:scheduled"), <Time key="at" at={run.scheduled_at} />] as const] : []),
        [t("activity:started"), <Time key="started" at={run.started_at} />],
        [t("activity:ended"), <Time key="ended" at={run.finished_at} />],
        [t("snapshots:took"), took === null ? "–" : lasted(took)],
        [t("activity:by"), by],
        [t("snapshots:trigger"), t(`snapshots:triggers.${run.trigger}`, { defaultValue: run.trigger })],
        ...(run.resource_id
          ? [
              [
                t("snapshots:database"),
                <A key="db" to={`/databases/${run.resource_id}`} className="text-accent-text hover:underline">
                  {of?.name ?? run.resource_id}
                </A>,
              ] as const,
            ]
          : []),
        ...(run.carrier
          ? [
              [
                t("activity:batch"),
                <A key="carrier" to={`/runs/${run.carrier}`} className="text-accent-text hover:underline">
                  {t("activity:watch")}
                </A>,
              ] as const,
            ]
          : []),
        ...(run.correlation_id
          ? [
              [
                t("activity:correlation"),
                <span key="corr" className="inline-flex max-w-full items-center gap-1">
                  <code className="truncate text-xs">{run.correlation_id}</code>
                  <CopyButton inline text={run.correlation_id} label={t("shell:copy")} />
                </span>,
              ] as const,
            ]
          : []),
      ]}
    />
  );
}

function Pairs({ of }: { of: readonly (readonly [string, unknown])[] }) {
  return (
    <dl className="grid max-w-3xl grid-cols-[fit-content(40%)_minmax(0,1fr)] gap-x-6 gap-y-1 sm:grid-cols-[14rem_minmax(0,1fr)]">
      <Told facts={of} />
    </dl>
  );
}

export function Waiting() {
  return (
    <div className="grid gap-3 p-6">
      <Skeleton className="h-4 w-64" />
      <Skeleton className="h-4 w-96 max-w-full" />
    </div>
  );
}
