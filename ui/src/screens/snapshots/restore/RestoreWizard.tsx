import { useQuery } from "@tanstack/react-query";
import { CheckCheck } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotGet } from "@/api";
import { cx } from "@/parts/classes";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { PageHead } from "@/parts/Page";
import { Empty, Skeleton, Time } from "@/parts/small";
import { useAddress, useId } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { SnapshotProof } from "../words";
import { ChooseTarget } from "./ChooseTarget";
import { ChooseWhat } from "./ChooseWhat";
import { Outlook } from "./Outlook";
import { Running } from "./Running";
import { type Spoken, STEPS, type Step, wishOf } from "./wish";

/** From a snapshot to a database with its contents: what, where, a look at what it would do, the run and its report. */
export default function RestoreWizard() {
  const { t } = useTranslation();
  const id = useId();
  const can = useCan();
  const {
    data: snapshot,
    error,
    refetch,
  } = useQuery({ queryKey: ["snapshots", id], queryFn: () => data(snapshotGet({ path: { snapshot_id: id } })) });
  if (error && !snapshot) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={snapshot ? t("restore:title", { name: snapshot.resource_name }) : "…"}
        back={{ to: `/snapshots/${id}`, title: t("snapshots:one") }}
        state={snapshot && <SnapshotProof of={snapshot} />}
        lead={
          snapshot ? (
            <span>
              {t("snapshots:taken")}: <Time at={snapshot.taken_at ?? snapshot.created_at} />
            </span>
          ) : (
            "\u00a0"
          )
        }
      />
      {snapshot === undefined ? (
        <div className="grid max-w-2xl gap-3 border-t p-6">
          <Skeleton className="h-6" />
          <Skeleton className="h-16" />
          <Skeleton className="h-16" />
        </div>
      ) : can("snapshot.restore") ? (
        <Steps snapshot={snapshot} />
      ) : (
        <Empty dull icon={<CheckCheck />} title={t("restore:notYours")} lead={t("restore:notYoursLead")} />
      )}
    </div>
  );
}

function Steps({ snapshot }: { snapshot: SnapshotOut }) {
  const [search, set] = useAddress();
  const [spoken, setSpoken] = useState<Spoken>({ confirm: "", override: false });
  const wish = wishOf(search, snapshot);
  const go = (patch: Record<string, string | undefined>) => set(patch, true);
  const back = (step: Step) => go({ step, run: undefined });
  return (
    <div className="min-h-0 flex-1 overflow-y-auto border-t">
      <div className="grid max-w-2xl gap-5 px-4 py-5 sm:px-6">
        <Trail at={wish.step} to={wish.step === "run" ? undefined : back} />
        {wish.step === "what" && <ChooseWhat snapshot={snapshot} wish={wish} go={go} />}
        {wish.step === "where" && <ChooseTarget snapshot={snapshot} wish={wish} go={go} />}
        {wish.step === "check" && (
          <Outlook snapshot={snapshot} wish={wish} spoken={spoken} onSpoken={setSpoken} set={set} go={go} />
        )}
        {wish.step === "run" && (
          <Running key={wish.run} snapshot={snapshot} wish={wish} onAgain={() => back("check")} />
        )}
      </div>
    </div>
  );
}

/** Where one is; steps behind are ways back. */
function Trail({ at, to }: { at: Step; to: ((step: Step) => void) | undefined }) {
  const { t } = useTranslation();
  const here = STEPS.indexOf(at);
  return (
    <ol className="flex flex-wrap items-center gap-x-2 gap-y-1 text-xs" aria-label={t("restore:steps")}>
      {STEPS.map((step, nth) => {
        const name = t(`restore:step.${step}`);
        const current = step === at;
        return (
          <li key={step} className="flex items-center gap-2" aria-current={current ? "step" : undefined}>
            {nth > 0 && <span aria-hidden className="h-px w-4 bg-strong-line sm:w-8" />}
            <span
              aria-hidden
              className={cx(
                "grid size-5 place-items-center rounded-full font-medium",
                current ? "bg-accent text-on-accent" : nth < here ? "bg-accent-soft text-accent-text" : "bg-hover",
              )}
            >
              {nth + 1}
            </span>
            {nth < here && to ? (
              <button type="button" className="text-muted hover:text-text hover:underline" onClick={() => to(step)}>
                {name}
              </button>
            ) : (
              <span className={current ? "font-semibold" : "text-muted"}>{name}</span>
            )}
          </li>
        );
      })}
    </ol>
  );
}
