import { useMutation, useQuery } from "@tanstack/react-query";
import { Play, Target } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DrillOut, drillRead, drillStart, runGet } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Facts, PageHead, Section } from "@/parts/Page";
import { Progress } from "@/parts/RunState";
import { Skeleton, Time } from "@/parts/small";
import { lasted } from "@/parts/text";
import { A, useGo, useId } from "@/shell/address";
import { ApiError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { useRunStream } from "../activity/useRunStream";
import { Checks } from "../snapshots/Checks";
import { checksOf } from "../snapshots/checksOf";
import { AimsSheet } from "./AimsSheet";
import { DrillState, Measured } from "./words";

export default function DrillPage() {
  const { t } = useTranslation();
  const id = useId();
  const {
    data: drill,
    error,
    refetch,
  } = useQuery({ queryKey: ["drills", id], queryFn: () => data(drillRead({ path: { drill_id: id } })) });
  if (error && !drill) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col overflow-y-auto">
      <PageHead
        title={drill ? t("drills:of", { name: drill.resource_name }) : "…"}
        back={{ to: "/snapshots", title: t("snapshots:title") }}
        state={drill && <DrillState state={drill.state} />}
        lead={drill ? <Time at={drill.requested_at} /> : "\u00a0"}
      >
        {drill && <Verbs drill={drill} />}
      </PageHead>
      <div className="border-t">{drill ? <Found drill={drill} /> : <Skeleton className="m-6 h-24" />}</div>
    </div>
  );
}

function Verbs({ drill }: { drill: DrillOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const [aiming, setAiming] = useState(false);
  const again = useMutation({
    mutationFn: () => data(drillStart({ path: { database_id: drill.resource_id }, body: {}, headers: once() })),
    networkMode: "always",
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["drills"] });
      go(`/snapshots/drills/${made.drill.id}`);
    },
  });
  return (
    <>
      {can("drill.run") && drill.state !== "running" && (
        <Button look="primary" icon={<Play />} busy={again.isPending} onClick={() => again.mutate()}>
          {t("drills:again")}
        </Button>
      )}
      {can("drill.write") && (
        <Button icon={<Target />} onClick={() => setAiming(true)}>
          {t("drills:aims")}
        </Button>
      )}
      {aiming && (
        <AimsSheet database={{ id: drill.resource_id, name: drill.resource_name }} onClose={() => setAiming(false)} />
      )}
    </>
  );
}

function Found({ drill }: { drill: DrillOut }) {
  const { t } = useTranslation();
  const checks = checksOf(drill.checks);
  const bad = checks.filter(({ ok }) => ok === false).length;
  const told = drill.error as { code?: string; message?: string; hint?: string } | null;
  const aim = (seconds: unknown) => (typeof seconds === "number" ? t("drills:aimed", { time: lasted(seconds) }) : null);
  return (
    <>
      {told && (
        <Section title={t("activity:why")}>
          <ErrorText
            error={
              new ApiError(0, { code: told.code ?? "failed", message: told.message ?? drill.state, hint: told.hint })
            }
          />
        </Section>
      )}
      {drill.state === "running" && drill.run_id && <Going run={drill.run_id} />}
      <Section title={t("drills:measured")}>
        <Facts
          facts={[
            [t("drills:rto"), <Figure key="rto" seconds={drill.rto_seconds} aim={drill.aims.rto_seconds} said={aim} />],
            [t("drills:rpo"), <Figure key="rpo" seconds={drill.rpo_seconds} aim={drill.aims.rpo_seconds} said={aim} />],
            [
              t("snapshots:database"),
              <Way key="db" to={`/databases/${drill.resource_id}`} title={drill.resource_name} />,
            ],
            [
              t("snapshots:one"),
              <Way key="snap" to={`/snapshots/${drill.snapshot_id}`} title={`…${drill.snapshot_id.slice(-8)}`} />,
            ],
            ...(drill.run_id
              ? [
                  [
                    t("activity:run"),
                    <Way key="run" to={`/runs/${drill.run_id}`} title={`…${drill.run_id.slice(-8)}`} />,
                  ] as const,
                ]
              : []),
          ]}
        />
      </Section>
      {checks.length > 0 && (
        <Section
          title={bad > 0 ? t("drills:failedChecks", { count: bad }) : t("restore:checks", { count: checks.length })}
        >
          <div className="max-w-3xl">
            <Checks checks={checks} />
          </div>
        </Section>
      )}
    </>
  );
}

function Figure({ seconds, aim, said }: FigureProps) {
  return (
    <span className="grid">
      <span className="font-semibold text-lg">
        <Measured seconds={seconds} aim={aim} />
      </span>
      <span className="text-muted text-xs">{said(aim)}</span>
    </span>
  );
}
interface FigureProps {
  seconds: number | null;
  aim: unknown;
  said: (aim: unknown) => string | null;
}

function Way({ to, title }: { to: string; title: string }) {
  return (
    <A to={to} className="text-accent-text hover:underline">
      {title}
    </A>
  );
}

/** While it goes on; its own end is told by the line as any other change. */
function Going({ run: id }: { run: string }) {
  const { t } = useTranslation();
  const { data: run } = useQuery({ queryKey: ["runs", id], queryFn: () => data(runGet({ path: { run_id: id } })) });
  useRunStream(id);
  if (!run?.progress) return null;
  return (
    <Section title={t("activity:progress")}>
      <div className="max-w-2xl">
        <Progress of={run.progress} label={t("activity:progress")} />
      </div>
    </Section>
  );
}
