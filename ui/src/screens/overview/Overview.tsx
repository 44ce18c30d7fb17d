import { useQuery } from "@tanstack/react-query";
import { Archive, CircleAlert, CircleCheck, Database, Plus, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { metricList, planLate, planUnprotected, type RunOut, runsList } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorPanel, Panel } from "@/parts/ErrorPanel";
import { PageHead, Section } from "@/parts/Page";
import { Progress, RunState, useRunTitle } from "@/parts/RunState";
import { Empty, Size, Skeleton, Time } from "@/parts/small";
import { ago, bytes, count } from "@/parts/text";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { type Level, type Protection, protections } from "./protection";

const SHOWN = 12;

export default function Overview() {
  const { t } = useTranslation();
  const { project, environment } = useScope();
  return (
    <div className="flex h-full flex-col overflow-y-auto">
      <PageHead title={t("overview:title")} lead={[project?.name, environment?.name].filter(Boolean).join(" / ")}>
        <Button asChild>
          <A to="/databases">
            <Plus />
            {t("databases:new")}
          </A>
        </Button>
      </PageHead>
      <div className="grid flex-1 content-start border-t lg:content-stretch lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div className="min-w-0 lg:border-r">
          <Panel>
            <ProtectionState />
          </Panel>
        </div>
        <div className="min-w-0 border-t lg:border-t-0">
          <Panel>
            <Runs />
          </Panel>
        </div>
      </div>
    </div>
  );
}

function useProtection() {
  const { project, environment, filter, isLoading } = useScope();
  const can = useCan();
  const path = { project_id: project?.id ?? "" };
  return useQuery({
    queryKey: ["overview", "protection", path, filter],
    enabled: project !== null && !isLoading && can("database.read"),
    queryFn: async ({ signal }) => {
      const plans = can("plan.read");
      const [databases, late, unprotected] = await Promise.all([
        data(
          metricList({ query: { project_id: path.project_id, environment_id: environment?.id, limit: 200 }, signal }),
        ),
        plans ? data(planLate({ path, query: { limit: 200 }, signal })) : null,
        plans ? data(planUnprotected({ path, query: { limit: 200 }, signal })) : null,
      ]);
      return {
        all: protections(databases.items, late?.items ?? [], unprotected?.items ?? []),
        more: Boolean(databases.next_cursor),
      };
    },
  });
}

const ICONS = { bad: CircleAlert, warn: TriangleAlert, good: CircleCheck } as const;
const COLOURS = { bad: "text-bad", warn: "text-warn", good: "text-good" } as const;
const BARS = { bad: "bg-bad", warn: "bg-warn", good: "bg-good" } as const;
const LEVELS: readonly Level[] = ["good", "warn", "bad"];

function ProtectionState() {
  const { t } = useTranslation();
  const { data: found, error, refetch } = useProtection();
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found) return <Waiting />;
  const { all } = found;
  if (all.length === 0)
    return (
      <Empty
        icon={<Database />}
        title={t("databases:first")}
        lead={t("databases:firstLead")}
        action={
          <Button look="primary" asChild>
            <A to="/databases">{t("overview:begin")}</A>
          </Button>
        }
      />
    );
  const of = (level: Level) => all.filter((each) => each.level === level).length;
  const size = all.reduce((sum, { database }) => sum + (database.size_bytes ?? 0), 0);
  const stored = all.reduce((sum, { database }) => sum + (database.last_snapshot?.stored_bytes ?? 0), 0);
  return (
    <>
      <Section title={t("overview:protection")}>
        <div className="flex h-1.5 gap-0.5 overflow-hidden rounded-full" aria-hidden>
          {LEVELS.filter(of).map((level) => (
            <span key={level} className={BARS[level]} style={{ flexGrow: of(level) }} />
          ))}
        </div>
        <dl className="mt-3 flex flex-wrap gap-x-8 gap-y-3">
          {LEVELS.map((level) => (
            <div key={level}>
              <dt className="flex items-center gap-1.5 text-muted text-xs">
                <span className={cx("size-2 rounded-full", BARS[level])} aria-hidden />
                {t(`overview:levels.${level}`)}
              </dt>
              <dd className="font-semibold text-xl">{count(of(level))}</dd>
            </div>
          ))}
          <div className="ml-auto text-right">
            <dt className="text-muted text-xs">{t("overview:size")}</dt>
            <dd className="font-semibold text-xl">{bytes(size)}</dd>
            <dd className="text-muted text-xs">{t("overview:stored", { size: bytes(stored) })}</dd>
          </div>
        </dl>
      </Section>
      <ul>
        {all.slice(0, SHOWN).map((each) => (
          <ProtectionRow key={each.database.id} of={each} />
        ))}
      </ul>
      {(all.length > SHOWN || found.more) && (
        <div className="px-4 py-2.5 sm:px-6">
          <A to="/databases" className="text-accent-text hover:underline">
            {t("overview:all", { count: all.length, more: found.more ? "+" : "" })}
          </A>
        </div>
      )}
    </>
  );
}

function ProtectionRow({ of }: { of: Protection }) {
  const { t } = useTranslation();
  const Icon = ICONS[of.level];
  return (
    <li className="relative flex min-h-11 items-center gap-3 border-b px-4 py-1.5 hover:bg-hover sm:px-6">
      <Icon className={cx("size-4 shrink-0", COLOURS[of.level])} aria-label={t(`overview:levels.${of.level}`)} />
      <div className="min-w-0 flex-1">
        <A
          to={`/databases/${of.database.id}`}
          className="inset-ring-focus block truncate font-medium after:absolute after:inset-0"
        >
          {of.database.name}
        </A>
        <p className="truncate text-muted text-xs">{t(`overview:why.${of.why}`, { ago: of.at ? ago(of.at) : "" })}</p>
      </div>
      <span className="hidden text-muted text-xs sm:block">{of.database.environment}</span>
      <span className="w-16 text-right text-muted text-xs">
        <Size of={of.database.size_bytes} />
      </span>
    </li>
  );
}

const ACTIVE = ["queued", "running"];

function Runs() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter } = useScope();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["runs", "overview", filter],
    enabled: can("run.read"),
    queryFn: async ({ signal }) =>
      (await data(runsList({ query: { ...filter, state: [...ACTIVE, "failed"], limit: 50 }, signal }))).items,
  });
  if (!can("run.read")) return null;
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found) return <Waiting />;
  const waits = ({ state, scheduled_at: at }: RunOut) =>
    state === "queued" && at !== null && Date.parse(at) > Date.now();
  const due = found.filter(waits).sort((a, b) => String(a.scheduled_at).localeCompare(String(b.scheduled_at)));
  const active = found.filter((run) => ACTIVE.includes(run.state) && !waits(run));
  const failed = found.filter(({ state }) => state === "failed").slice(0, 8);
  return (
    <>
      <Section title={t("overview:running")}>
        {active.length === 0 ? (
          <p className="text-muted">{t("overview:quiet")}</p>
        ) : (
          <ul className="-mx-2 grid gap-1">
            {active.map((run) => (
              <RunRow key={run.id} run={run} />
            ))}
          </ul>
        )}
      </Section>
      <Section
        title={t("overview:failures")}
        aside={
          failed.length > 0 && (
            <A to="/activity" search={{ state: "failed" }} className="text-accent-text text-xs hover:underline">
              {t("overview:allFailures")}
            </A>
          )
        }
      >
        {failed.length === 0 ? (
          <p className="flex items-center gap-2 text-muted">
            <CircleCheck className="size-4 text-good" aria-hidden />
            {t("overview:noFailures")}
          </p>
        ) : (
          <ul className="-mx-2 grid gap-1">
            {failed.map((run) => (
              <RunRow key={run.id} run={run} />
            ))}
          </ul>
        )}
      </Section>
      {due.length > 0 && (
        <Section title={t("overview:due")}>
          <ul className="-mx-2 grid gap-1">
            {due.slice(0, 5).map((run) => (
              <RunRow key={run.id} run={run} />
            ))}
          </ul>
        </Section>
      )}
      <Section title={t("overview:next")}>
        <ul className="-mx-2 grid gap-0.5">
          <Quick to="/databases" icon={<Archive className="size-4" />}>
            {t("overview:takeSnapshot")}
          </Quick>
          <Quick to="/snapshots" search={{ proof: "failed" }} icon={<TriangleAlert className="size-4" />}>
            {t("overview:seeUnproven")}
          </Quick>
        </ul>
      </Section>
    </>
  );
}

function Quick({
  to,
  search,
  icon,
  children,
}: {
  to: string;
  search?: Record<string, string>;
  icon: React.ReactNode;
  children: string;
}) {
  return (
    <li>
      <A
        to={to}
        search={search}
        className="flex h-8 items-center gap-2.5 rounded-md px-2 text-muted hover:bg-hover hover:text-text"
      >
        {icon}
        {children}
      </A>
    </li>
  );
}

function RunRow({ run }: { run: RunOut }) {
  const title = useRunTitle()(run.kind);
  return (
    <li className="relative rounded-md px-2 py-1.5 hover:bg-hover">
      <div className="flex items-center gap-2">
        <A to={`/runs/${run.id}`} className="min-w-0 flex-1 truncate font-medium after:absolute after:inset-0">
          {title}
        </A>
        <span className="text-muted text-xs">
          <Time at={run.finished_at ?? run.started_at ?? run.scheduled_at ?? run.requested_at} />
        </span>
        {run.state === "running" && <RunState state={run.state} />}
      </div>
      {run.error && <p className="truncate text-bad text-xs">{String(run.error.message ?? "")}</p>}
      {run.state === "running" && run.progress && (
        <div className="mt-1.5">
          <Progress of={run.progress} label={title} />
        </div>
      )}
    </li>
  );
}

function Waiting() {
  return (
    <div className="grid gap-4 p-6">
      <Skeleton className="h-4 w-32" />
      <Skeleton className="h-1.5 w-full" />
      <div className="flex gap-8">
        <Skeleton className="h-10 w-20" />
        <Skeleton className="h-10 w-20" />
        <Skeleton className="h-10 w-20" />
      </div>
      {[1, 2, 3, 4].map((each) => (
        <Skeleton key={each} className="h-8 w-full" />
      ))}
    </div>
  );
}
