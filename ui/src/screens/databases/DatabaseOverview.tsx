import { useQuery } from "@tanstack/react-query";
import { Plug } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseMetrics, planList, type SnapshotOut, snapshotList } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, sentence } from "@/parts/ErrorPanel";
import { Facts, Section } from "@/parts/Page";
import { Badge, CopyButton, Size, Skeleton, Time } from "@/parts/small";
import { count } from "@/parts/text";
import { A, useGo } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { Deleted } from "./Deleted";
import { Growth } from "./Growth";
import { Origin } from "./Origin";
import { written } from "./settings/labels";

const SEEN = 100;

/** How it fares: four questions to the server, asked at once. */
export function DatabaseOverview({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const reason = database.state_reason;
  const isGone = database.state === "deleted";
  const snapshots = useQuery({
    queryKey: ["snapshots", "of", database.id],
    queryFn: async () =>
      (await data(snapshotList({ query: { resource_id: database.id, state: ["ready"], limit: SEEN } }))).items,
    enabled: can("snapshot.read"),
  });
  return (
    <>
      {isGone && <Deleted database={database} />}
      {reason && (
        <Section title={t("databases:why")}>
          <p className="text-bad">{sentence(String(reason.message ?? ""))}</p>
          {reason.hint ? <p className="text-muted">{String(reason.hint)}</p> : null}
        </Section>
      )}
      {!isGone && <Connection database={database} />}
      {!isGone && can("metric.read", "database.read") && <Stats database={database} />}
      {can("snapshot.read") && <Protected database={database} snapshots={snapshots.data} error={snapshots.error} />}
      {snapshots.data && <Growth database={database} snapshots={snapshots.data} />}
      <About database={database} />
    </>
  );
}

function About({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const { environments } = useScope();
  return (
    <Section title={t("databases:about")}>
      <Facts
        facts={[
          [
            "ID",
            <span key="id" className="inline-flex items-center gap-1 break-all font-mono text-xs">
              {database.id}
              <CopyButton inline text={database.id} label={t("shell:copy")} />
            </span>,
          ],
          [t("databases:created"), <Time key="at" at={database.created_at} />],
          [t("shell:environment"), environments.find(({ id }) => id === database.environment_id)?.name ?? "–"],
          [
            t("databases:host"),
            database.host ? t(`databases:hosts.${database.host}`, { defaultValue: database.host }) : "–",
          ],
          [t("databases:node"), database.node ?? "–"],
          [
            t("databases:labels"),
            Object.keys(database.labels).length === 0 ? (
              "–"
            ) : (
              <span key="labels" className="flex flex-wrap gap-1">
                {Object.entries(database.labels).map((each) => (
                  <Badge key={each[0]}>{written(each)}</Badge>
                ))}
              </span>
            ),
          ],
        ]}
      />
      {database.notes && <p className="mt-4 max-w-prose whitespace-pre-wrap text-muted">{database.notes}</p>}
      <Origin database={database} />
    </Section>
  );
}

/** Where it listens; the strings with their passwords have a tab of their own. */
function Connection({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const go = useGo();
  const at = database.endpoint;
  const place = at?.host && at.port ? `${at.host}:${at.port}` : t("databases:local");
  return (
    <Section
      title={t("databases:connect")}
      aside={
        at && (
          <Button size="small" icon={<Plug />} onClick={() => go(`/databases/${database.id}`, { tab: "connections" })}>
            {t("databases:strings")}
          </Button>
        )
      }
    >
      {at ? (
        <p className="font-mono text-xs">{[place, at.database].filter(Boolean).map(String).join(" / ")}</p>
      ) : (
        <p className="text-muted">{t("databases:noAddress")}</p>
      )}
    </Section>
  );
}

interface ProtectedProps {
  database: DatabaseOut;
  snapshots: readonly SnapshotOut[] | undefined;
  error: unknown;
}

/** What there is to bring back, and what will take the next one. */
function Protected({ database, snapshots, error }: ProtectedProps) {
  const { t } = useTranslation();
  const can = useCan();
  const { data: plans } = useQuery({
    queryKey: ["plans", "of", database.id],
    queryFn: async () => (await data(planList({ query: { database_id: database.id, limit: 20 } }))).items,
    enabled: can("plan.read") && database.state !== "deleted",
  });
  if (error) return <ErrorPanel error={error} />;
  const last = snapshots?.[0];
  const running = plans?.filter(({ enabled }) => enabled) ?? [];
  return (
    <Section title={t("databases:protection")}>
      {!snapshots ? (
        <Skeleton className="h-5 w-64" />
      ) : (
        <ul className="grid gap-2">
          <li className="flex flex-wrap items-center gap-2">
            {last ? (
              <>
                <Badge tone={last.verified_level ? "good" : "warn"}>
                  {t(last.verified_level ? "databases:verified" : "databases:unverified")}
                </Badge>
                <A to={`/snapshots/${last.id}`} className="text-accent-text hover:underline">
                  {t("databases:lastSnapshot")} · <Time at={last.taken_at} />
                </A>
              </>
            ) : (
              <>
                <Badge tone="bad">{t("databases:unprotected")}</Badge>
                <span className="text-muted">{t("databases:unprotectedLead")}</span>
              </>
            )}
          </li>
          {plans && running.length === 0 && (
            <li className="flex flex-wrap items-center gap-2">
              <Badge tone="warn">{t("databases:unplanned")}</Badge>
              <A to="/plans" className="text-accent-text hover:underline">
                {t("databases:unplannedLead")}
              </A>
            </li>
          )}
          {running.map((plan) => (
            <li key={plan.id} className="flex flex-wrap items-center gap-2">
              <Badge tone="good">{t("databases:planned")}</Badge>
              <A to={`/plans/${plan.id}`} className="text-accent-text hover:underline">
                {plan.name}
              </A>
              {plan.next_at && (
                <span className="text-muted text-xs">
                  {t("databases:nextTurn")} <Time at={plan.next_at} />
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Stats({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const {
    data: found,
    error,
    refetch,
    isPending,
  } = useQuery({
    queryKey: ["databases", database.id, "metrics"],
    queryFn: () => data(databaseMetrics({ path: { database_id: database.id } })),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const dash = isPending ? <Skeleton className="my-0.5 h-4 w-16" /> : <span className="text-faint">–</span>;
  const number = (value: number | null | undefined) => (value === null || value === undefined ? dash : count(value));
  return (
    <Section title={t("databases:now")}>
      <Facts
        facts={[
          [t("databases:size"), found ? <Size key="size" of={found.size_bytes} /> : dash],
          [t("databases:statements"), number(found?.statements.count)],
          [t("databases:failedStatements"), number(found?.statements.failed)],
          [
            t("databases:speed"),
            found?.statements.p99_ms == null
              ? dash
              : `${count(found.statements.p50_ms ?? 0)} / ${count(found.statements.p99_ms)} ms`,
          ],
          // A server has these as well: room for them before they come, so that nothing below moves.
          ...(isPending && database.host === "process"
            ? ["connections", "transactions", "memory"].map((each) => [t(`databases:${each}`), dash] as const)
            : []),
          ...(found?.connections == null
            ? []
            : [[t("databases:connections"), `${found.connections} / ${found.connections_max ?? "–"}`] as const]),
          ...(found?.transactions == null ? [] : [[t("databases:transactions"), count(found.transactions)] as const]),
          ...(found?.memory_bytes == null
            ? []
            : [[t("databases:memory"), <Size key="memory" of={found.memory_bytes} />] as const]),
          ...(found?.restarts ? [[t("databases:restarts"), count(found.restarts)] as const] : []),
        ]}
      />
    </Section>
  );
}
