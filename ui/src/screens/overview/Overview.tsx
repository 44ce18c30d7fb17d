import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { projectProtection } from "@/api";
import { Panel } from "@/parts/ErrorPanel";
import { PageHead } from "@/parts/Page";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { Alerts } from "./Alerts";
import { Growth } from "./Growth";
import { GuideOffer } from "./GuideOffer";
import { ProtectionState } from "./ProtectionState";
import { DueNext, QuickActions, Runs } from "./Runs";

const CreateWizard = lazy(() => import("../databases/create/CreateWizard"));

/** Whether everything could be brought back, what is at work, what went wrong, what comes next. */
export default function Overview() {
  const { t } = useTranslation();
  const can = useCan();
  const { project, environment } = useScope();
  const { creating, end, add } = useCreating("db.new", t("databases:new"), can("database.create"));
  const protection = useProtection();
  const found = protection.data;
  const isEmpty = found !== undefined && found.good + found.warn + found.bad === 0;
  return (
    <div className="flex h-full flex-col overflow-y-auto">
      <PageHead title={t("overview:title")} lead={[project?.name, environment?.name].filter(Boolean).join(" / ")}>
        {add}
      </PageHead>
      <div className="grid flex-1 content-start border-t lg:content-stretch lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div className="min-w-0 lg:border-r">
          {found && !found.restored && !isEmpty && <GuideOffer />}
          <Panel>
            <ProtectionState of={protection} />
          </Panel>
          {!isEmpty && can("metric.read") && (
            <Panel>
              <Growth />
            </Panel>
          )}
        </div>
        <div className="min-w-0 border-t lg:border-t-0">
          <Panel>
            <Alerts />
          </Panel>
          <Panel>
            <Runs of={found?.worst} />
          </Panel>
          {found && <DueNext due={found.due} />}
          <QuickActions />
        </div>
      </div>
      {creating && (
        <Suspense>
          <CreateWizard onClose={end} />
        </Suspense>
      )}
    </div>
  );
}

/** Folded by the server over all databases, so that it is right however many there are. */
function useProtection() {
  const { project, environment, isLoading } = useScope();
  const can = useCan();
  const path = { project_id: project?.id ?? "" };
  const query = { environment_id: environment?.id };
  return useQuery({
    queryKey: ["overview", "protection", path, query],
    enabled: project !== null && !isLoading && can("metric.read"),
    queryFn: ({ signal }) => data(projectProtection({ path, query, signal })),
  });
}
