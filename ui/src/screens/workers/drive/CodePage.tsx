import { useQuery } from "@tanstack/react-query";
import { Suspense } from "react";
import { useTranslation } from "react-i18next";
import { workerGet } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { PageHead, PageTabs } from "@/parts/Page";
import { Skeleton } from "@/parts/small";
import { useId } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { CODE_TABS } from "../codeTabs";

export default function CodePage() {
  const { t } = useTranslation();
  const id = useId();
  const can = useCan();
  const { data: worker, error } = useQuery({
    queryKey: ["workers", id],
    queryFn: () => data(workerGet({ path: { worker_id: id } })),
  });
  if (error && !worker) return <ErrorPanel error={error} />;
  const waiting = <Skeleton className="m-6 h-40" />;
  return (
    <div className="flex h-full flex-col">
      <PageHead title={worker?.name ?? "…"} back={{ to: "/code", title: t("code:title") }} />
      <PageTabs
        label={t("code:one")}
        tabs={
          worker
            ? CODE_TABS.filter((tab) => tab.shown({ worker, can })).map(({ id, title, full, Body }) => ({
                id,
                title: t(title),
                full,
                body: (
                  <Suspense fallback={waiting}>
                    <Body worker={worker} />
                  </Suspense>
                ),
              }))
            : [{ id: "editor", title: t("code:editor"), body: waiting }]
        }
      />
    </div>
  );
}
