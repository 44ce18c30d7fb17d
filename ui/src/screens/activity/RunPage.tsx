import { useMutation, useQuery } from "@tanstack/react-query";
import { CircleSlash, RotateCcw } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type RunOut, runCancel, runGet, runRetry } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { PageHead } from "@/parts/Page";
import { ENDED, RunState, useRunTitle } from "@/parts/RunState";
import { useGo, useId } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { RunFacts, RunMore, Waiting } from "./RunFacts";
import { RunLog } from "./RunLog";
import { useRunLog } from "./useRunStream";

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
  const { lines, isWhole } = useRunLog(id);
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
      <div className="border-y">{run ? <RunFacts run={run} title={title(run.kind)} /> : <Waiting />}</div>
      <RunLog key={id} id={id} lines={lines} over={isWhole} />
      {run && <RunMore run={run} />}
    </div>
  );
}

function Verbs({ run }: { run: RunOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const [asking, setAsking] = useState(false);
  const cancel = useMutation({
    mutationFn: () => data(runCancel({ path: { run_id: run.id } })),
    networkMode: "always",
    onSuccess: (after) => queries.setQueryData(["runs", run.id], after),
  });
  const again = useMutation({
    mutationFn: () => data(runRetry({ path: { run_id: run.id } })),
    networkMode: "always",
    onSuccess: (next) => go(`/runs/${next.id}`),
  });
  const over = ENDED.includes(run.state);
  return (
    <>
      {!over && can("run.cancel") && (
        <Button
          icon={<CircleSlash />}
          busy={cancel.isPending || Boolean(run.cancel_requested_at)}
          // What can be begun again loses little; the rest says first what a cancel takes back.
          onClick={() => (run.retry_permission ? cancel.mutate() : setAsking(true))}
        >
          {run.cancel_requested_at ? t("activity:cancelling") : t("activity:cancel")}
        </Button>
      )}
      {over && run.retry_permission && can(run.retry_permission) && (
        <Button icon={<RotateCcw />} busy={again.isPending} onClick={() => again.mutate()}>
          {t("activity:again")}
        </Button>
      )}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        danger
        title={t("activity:cancelMany", { count: 1 })}
        lead={t("activity:cancelLead")}
        verb={t("activity:cancelVerb")}
        act={() => cancel.mutateAsync()}
      />
    </>
  );
}
