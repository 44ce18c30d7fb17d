import { useMutation, useQuery } from "@tanstack/react-query";
import { Archive, CalendarClock, CircleCheck, History, RotateCcw, TriangleAlert } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { type DueOut, type ProtectedOut, type RunOut, runRetry, runsList } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Progress, RunState, useRunTitle } from "@/parts/RunState";
import { Time, Tip } from "@/parts/small";
import { useBegun } from "@/parts/useBegun";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { Waiting } from "./ProtectionState";

const ACTIVE = ["queued", "running"];
const FAILED = 6;

function waits({ state, scheduled_at: at }: RunOut): boolean {
  return state === "queued" && at !== null && Date.parse(at) > Date.now();
}

/** `of`: the databases whose names are known already; a run of another is named by its kind alone. */
export function Runs({ of }: { of: readonly ProtectedOut[] | undefined }) {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, isLoading } = useScope();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["runs", "overview", filter],
    enabled: can("run.read") && !isLoading,
    queryFn: async ({ signal }) =>
      (await data(runsList({ query: { ...filter, state: [...ACTIVE, "failed"], limit: 50 }, signal }))).items,
  });
  useEnded(found);
  if (!can("run.read")) return null;
  if (error && !found) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found) return <Waiting />;
  const named = (run: RunOut) => of?.find(({ id }) => id === run.resource_id)?.name;
  const active = found.filter((run) => ACTIVE.includes(run.state) && !waits(run));
  const failed = found.filter(({ state }) => state === "failed").slice(0, FAILED);
  return (
    <>
      <Section title={t("overview:running")}>
        {active.length === 0 ? (
          <p className="text-muted">{t("overview:quiet")}</p>
        ) : (
          <ul className="-mx-2 grid gap-1">
            {active.map((run) => (
              <Row key={run.id} run={run} name={named(run)} />
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
              <Row key={run.id} run={run} name={named(run)} />
            ))}
          </ul>
        )}
      </Section>
    </>
  );
}

/** What a run made is there when it ends, and the line tells of runs alone then: protection is read again. */
function useEnded(found: readonly RunOut[] | undefined): void {
  const before = useRef<readonly string[]>([]);
  useEffect(() => {
    if (!found) return;
    const active = found.filter(({ state }) => ACTIVE.includes(state)).map(({ id }) => id);
    if (before.current.some((id) => !active.includes(id))) void queries.invalidateQueries({ queryKey: ["overview"] });
    before.current = active;
  }, [found]);
}

function Row({ run, name }: { run: RunOut; name: string | undefined }) {
  const { t } = useTranslation();
  const can = useCan();
  const title = useRunTitle()(run.kind);
  const begun = useBegun("overview");
  const again = useMutation({
    mutationFn: () => data(runRetry({ path: { run_id: run.id } })),
    networkMode: "always",
    onSuccess: (next) => begun({ run: next }),
  });
  return (
    <li className="relative rounded-md px-2 py-1.5 hover:bg-hover">
      <div className="flex items-center gap-2">
        <A to={`/runs/${run.id}`} className="min-w-0 flex-1 truncate font-medium after:absolute after:inset-0">
          {title}
          {name && <span className="font-normal text-muted"> · {name}</span>}
        </A>
        <span className="text-muted text-xs">
          <Time at={run.finished_at ?? run.started_at ?? run.requested_at} />
        </span>
        {run.state === "running" && <RunState state={run.state} />}
        {run.state === "failed" && run.retry_permission && can(run.retry_permission) && (
          <Tip text={t("activity:again")}>
            <Button
              look="quiet"
              size="icon"
              className="relative -my-1.5"
              aria-label={`${t("activity:again")}: ${title}`}
              busy={again.isPending}
              icon={<RotateCcw />}
              onClick={() => again.mutate()}
            />
          </Tip>
        )}
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

/** The next turns of plans. */
export function DueNext({ due }: { due: readonly DueOut[] }) {
  const { t } = useTranslation();
  const can = useCan();
  if (!can("plan.read")) return null;
  return (
    <Section title={t("overview:due")}>
      {due.length === 0 ? (
        <p className="text-muted">{t("overview:nothingDue")}</p>
      ) : (
        <ul className="-mx-2 grid gap-0.5">
          {due.map(({ plan_id, plan_name, at }) => (
            <li
              key={plan_id}
              className="relative flex h-8 items-center gap-2.5 rounded-md px-2 hover:bg-hover pointer-coarse:h-11"
            >
              <CalendarClock className="size-4 text-muted" aria-hidden />
              <A to={`/plans/${plan_id}`} className="min-w-0 flex-1 truncate after:absolute after:inset-0">
                {plan_name}
              </A>
              <span className="text-muted text-xs">
                <Time at={at} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

export function QuickActions() {
  const { t } = useTranslation();
  const can = useCan();
  return (
    <Section title={t("overview:next")}>
      <ul className="-mx-2 grid gap-0.5">
        {can("snapshot.create") && (
          <Quick to="/databases" icon={<Archive className="size-4" />}>
            {t("overview:takeSnapshot")}
          </Quick>
        )}
        {can("snapshot.restore") && (
          <Quick to="/snapshots" icon={<History className="size-4" />}>
            {t("overview:restore")}
          </Quick>
        )}
        {can("snapshot.read") && (
          <Quick to="/snapshots" search={{ proof: "failed" }} icon={<TriangleAlert className="size-4" />}>
            {t("overview:seeUnproven")}
          </Quick>
        )}
      </ul>
    </Section>
  );
}

interface QuickProps {
  to: string;
  search?: Record<string, string>;
  icon: ReactNode;
  children: string;
}

function Quick({ to, search, icon, children }: QuickProps) {
  return (
    <li>
      <A
        to={to}
        search={search}
        className="flex h-8 items-center gap-2.5 rounded-md px-2 text-muted hover:bg-hover hover:text-text pointer-coarse:h-11"
      >
        {icon}
        {children}
      </A>
    </li>
  );
}
