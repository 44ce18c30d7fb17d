import { useTranslation } from "react-i18next";
import { PageHead, PageTabs } from "@/parts/Page";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { AuditTable } from "./audit/AuditTable";
import { Feed } from "./Feed";
import { RunTable } from "./RunTable";

export default function ActivityPage() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, isLoading } = useScope();
  const runs = {
    id: "runs",
    title: t("activity:runs"),
    body: <RunTable filter={filter} waits={isLoading} />,
    full: true,
  };
  const feed = { id: "feed", title: t("activity:feed"), body: <Feed />, full: true };
  const audit = { id: "audit", title: t("audit:title"), body: <AuditTable />, full: true };
  return (
    <div className="flex h-full flex-col">
      <PageHead title={t("activity:title")} />
      <PageTabs
        label={t("activity:title")}
        tabs={[...(can("run.read") ? [runs] : []), feed, ...(can("audit.read") ? [audit] : [])]}
      />
    </div>
  );
}
