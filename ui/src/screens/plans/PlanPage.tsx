import { useMutation, useQuery } from "@tanstack/react-query";
import { Ellipsis, Pause, Pencil, Play, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type PlanOut, planDelete, planNext, planRead, planRun, planUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Item, Line, Menu } from "@/parts/Menu";
import { Facts, PageHead, PageTabs, Section } from "@/parts/Page";
import { Skeleton, Time } from "@/parts/small";
import { moment } from "@/parts/text";
import { useGo, useId } from "@/shell/address";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { spanText } from "../settings/system/span";
import { Covered } from "./Covered";
import { KEEP } from "./draft";
import { PlanForm } from "./PlanForm";
import { PlanState } from "./Plans";
import { Thinning } from "./Thinning";
import { Turns } from "./Turns";
import { useWords } from "./words";

export default function PlanPage() {
  const { t } = useTranslation();
  const id = useId();
  const {
    data: plan,
    error,
    refetch,
  } = useQuery({ queryKey: ["plans", id], queryFn: () => data(planRead({ path: { plan_id: id } })) });
  if (error && !plan) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={plan?.name ?? "…"}
        back={{ to: "/plans", title: t("plans:title") }}
        state={plan && <PlanState enabled={plan.enabled} />}
        lead={plan?.description}
      >
        {plan && <Verbs plan={plan} />}
      </PageHead>
      <PageTabs
        label={t("plans:one")}
        tabs={[
          { id: "overview", title: t("plans:overview"), body: plan ? <Summary plan={plan} /> : <Waiting /> },
          { id: "covered", title: t("plans:covered"), body: <Covered id={id} />, full: true },
          { id: "history", title: t("plans:history"), body: <Turns id={id} />, full: true },
          { id: "retention", title: t("plans:retention"), body: plan ? <Thinning plan={plan} /> : <Waiting /> },
        ]}
      />
    </div>
  );
}

function Verbs({ plan }: { plan: PlanOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const [editing, setEditing] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const path = { plan_id: plan.id };
  const run = useMutation({
    mutationFn: () => data(planRun({ path, body: {}, headers: once() })),
    networkMode: "always",
    onSuccess: (begun) => {
      void queries.invalidateQueries({ queryKey: ["plans"] });
      toast.undo(t("shell:begun", { count: 1 }), t("activity:watch"), () => go(`/runs/${begun.run.id}`));
    },
  });
  const toggle = useMutation({
    mutationFn: (enabled: boolean) =>
      data(planUpdate({ path, body: { enabled }, headers: { "If-Match": `"v${plan.version}"` } })),
    onSuccess: (saved) => {
      queries.setQueryData(["plans", saved.id], saved);
      void queries.invalidateQueries({ queryKey: ["plans"] });
    },
  });
  return (
    <>
      {can("plan.run") && (
        <Button look="primary" icon={<Play />} busy={run.isPending} onClick={() => run.mutate()}>
          {t("plans:run")}
        </Button>
      )}
      {can("plan.write") && (
        <Button icon={<Pencil />} onClick={() => setEditing(true)}>
          {t("plans:edit")}
        </Button>
      )}
      {can("plan.write") && (
        <Menu align="end" trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
          {can("plan.write") && (
            <Item icon={plan.enabled ? <Pause /> : <Play />} onSelect={() => toggle.mutate(!plan.enabled)}>
              {t(plan.enabled ? "plans:switchOff" : "plans:switchOn")}
            </Item>
          )}
          {can("plan.write") && can("plan.write") && <Line />}
          {can("plan.write") && (
            <Item icon={<Trash2 />} danger onSelect={() => setDeleting(true)}>
              {t("plans:delete")}
            </Item>
          )}
        </Menu>
      )}
      {editing && <PlanForm plan={plan} onClose={() => setEditing(false)} />}
      <Confirm
        open={deleting}
        onOpenChange={setDeleting}
        danger
        title={t("plans:deleteTitle", { name: plan.name })}
        lead={t("plans:deleteLead")}
        verb={t("plans:delete")}
        name={plan.name}
        act={async () => {
          await data(planDelete({ path, body: { confirm: plan.name } }));
          await queries.invalidateQueries({ queryKey: ["plans"] });
          go("/plans");
        }}
      />
    </>
  );
}

const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function Summary({ plan }: { plan: PlanOut }) {
  const { t } = useTranslation();
  const { rhythm, selected } = useWords();
  const { environments } = useScope();
  const kept = (plan.retention ?? {}) as Record<string, unknown>;
  const rules = KEEP.filter((rule) => kept[rule]).map((rule) => `${t(`plans:keep.${rule}`)}: ${String(kept[rule])}`);
  const { data: next, error } = useQuery({
    queryKey: ["plans", plan.id, "next", plan.version],
    queryFn: async () => (await data(planNext({ path: { plan_id: plan.id }, query: { count: 5 } }))).items,
    enabled: plan.enabled && plan.schedules.length > 0,
  });
  const hours = (seconds: number | null) => (seconds === null ? "–" : spanText(seconds));
  const elsewhere = plan.schedules.some(({ tz }) => tz !== HERE);
  return (
    <>
      <Section title={t("plans:when")}>
        <ul className="grid gap-1">
          {plan.schedules.map((each) => (
            <li key={`${each.cron} ${each.preset} ${each.tz}`}>{rhythm(each)}</li>
          ))}
        </ul>
        {plan.schedules.length === 0 && <p className="text-muted">{t("plans:noSchedule")}</p>}
        {error && <ErrorPanel error={error} />}
        {next && next.length > 0 && elsewhere && (
          <p className="mt-3 text-muted text-xs">{t("plans:inYourZone", { zone: HERE })}</p>
        )}
        {next && next.length > 0 && (
          <ol className="mt-1.5 grid gap-1 text-muted text-xs tabular-nums" aria-label={t("plans:next")}>
            {next.map((each) => (
              <li key={each.at}>
                {moment(each.at)} · <Time at={each.at} />
              </li>
            ))}
          </ol>
        )}
      </Section>
      <Section title={t("plans:about")}>
        <Facts
          facts={[
            [t("plans:what"), selected(plan.selection) || "–"],
            [
              t("plans:environments"),
              plan.environment_ids.length
                ? plan.environment_ids.map((id) => environments.find((each) => each.id === id)?.name ?? id).join(", ")
                : t("plans:every_"),
            ],
            [t("plans:retention"), plan.retention ? rules.join(", ") || "–" : t("plans:keepAll")],
            [t("plans:concurrency"), String(plan.concurrency)],
            [t("plans:deadlineShort"), hours(plan.deadline_seconds)],
            [t("plans:gapShort"), hours(plan.max_gap_seconds)],
            [t("plans:changed"), <Time key="at" at={plan.updated_at} />],
          ]}
        />
      </Section>
    </>
  );
}

function Waiting() {
  return (
    <div className="grid gap-3 p-6">
      <Skeleton className="h-4 w-64" />
      <Skeleton className="h-4 w-80" />
      <Skeleton className="h-16 w-full max-w-xl" />
    </div>
  );
}
