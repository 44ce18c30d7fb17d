import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { runGet, snapshotGet } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { PageHead } from "@/parts/Page";
import { Skeleton, Time } from "@/parts/small";
import { useGo, useId } from "@/shell/address";
import { data } from "@/shell/api";
import { Running } from "./Running";
import { wishOf } from "./wish";

/** One restore, long after: its report, or how far it is. */
export default function RestoredPage() {
  const { t } = useTranslation();
  const id = useId();
  const go = useGo();
  const run = useQuery({ queryKey: ["runs", id], queryFn: () => data(runGet({ path: { run_id: id } })) });
  const of = String(run.data?.input.snapshot_id ?? "");
  const snapshot = useQuery({
    queryKey: ["snapshots", of],
    queryFn: () => data(snapshotGet({ path: { snapshot_id: of } })),
    enabled: of !== "",
  });
  const error = run.error ?? snapshot.error;
  if (error && !snapshot.data)
    return <ErrorPanel error={error} retry={() => void (run.error ? run : snapshot).refetch()} />;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={snapshot.data ? t("restores:of", { name: snapshot.data.resource_name }) : "…"}
        back={{ to: "/snapshots", title: t("snapshots:title") }}
        lead={run.data && <Time at={run.data.requested_at} />}
      />
      <div className="min-h-0 flex-1 overflow-y-auto border-t">
        <div className="max-w-2xl px-4 py-5 sm:px-6">
          {snapshot.data ? (
            <Running
              snapshot={snapshot.data}
              wish={wishOf({ run: id, step: "run" }, snapshot.data)}
              onAgain={() => go(`/snapshots/${of}/restore`)}
            />
          ) : (
            <Skeleton className="h-24" />
          )}
        </div>
      </div>
    </div>
  );
}
