import { useQuery } from "@tanstack/react-query";
import { Suspense } from "react";
import { useTranslation } from "react-i18next";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { PageHead, PageTabs, useAskedTab } from "@/parts/Page";
import { Skeleton } from "@/parts/small";
import { useId } from "@/shell/address";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { Dot } from "../databases/words";
import { TABS } from "./tabs";
import { worker as one } from "./useWorker";
import { Verbs } from "./Verbs";
import { WorkerState } from "./words";

export default function WorkerPage() {
  const { t } = useTranslation();
  const id = useId();
  const can = useCan();
  const asked = useAskedTab(TABS);
  const { environments } = useScope();
  const { data: worker, error, refetch } = useQuery(one(id));
  if (error && !worker) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const place = environments.find((each) => each.id === worker?.environment_id)?.name;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={worker?.name ?? "…"}
        back={{ to: "/workers", title: t("workers:title") }}
        state={
          worker && (
            <>
              <Dot colour={worker.colour} />
              <WorkerState worker={worker} />
            </>
          )
        }
        lead={worker ? [worker.slug, place].filter(Boolean).join(" · ") : "\u00a0"}
      >
        {worker && <Verbs worker={worker} />}
      </PageHead>
      <PageTabs
        label={t("workers:one")}
        tabs={
          worker
            ? TABS.filter((tab) => tab.shown({ worker, can })).map(({ id, title, full, Body }) => ({
                id,
                title: t(title),
                full: full ?? false,
                body: (
                  <Suspense fallback={<Waiting />}>
                    <Body worker={worker} />
                  </Suspense>
                ),
              }))
            : [{ id: asked.id, title: t(asked.title), body: <Waiting /> }]
        }
      />
    </div>
  );
}

function Waiting() {
  return (
    <div className="grid gap-3 p-6">
      <Skeleton className="h-4 w-64" />
      <Skeleton className="h-8 w-full max-w-xl" />
      <Skeleton className="h-8 w-full max-w-xl" />
    </div>
  );
}
