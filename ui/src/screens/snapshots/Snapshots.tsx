import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { PageHead, PageTabs, type Tab } from "@/parts/Page";
import { Skeleton } from "@/parts/small";
import { useCreating } from "@/parts/useCreating";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { NewSnapshot } from "./NewSnapshot";
import { SnapshotTable } from "./SnapshotTable";

const Restores = lazy(() => import("./Restores"));
const Files = lazy(() => import("./files/Files"));
const Imports = lazy(() => import("./imports/Imports"));
const Drills = lazy(() => import("../drills/Drills"));

/** What there is to go back to, and everything done with it: restores, files, dumps taken in, rehearsals. */
export default function Snapshots() {
  const { t } = useTranslation();
  const can = useCan();
  const tabs: Tab[] = [
    {
      id: "list",
      title: t("snapshots:title"),
      body: <Listed />,
    },
    { id: "restores", title: t("restores:title"), body: <Restores /> },
  ];
  if (can("snapshot.download")) tabs.push({ id: "files", title: t("files:title"), body: <Files /> });
  if (can("snapshot.import")) tabs.push({ id: "imports", title: t("dumps:title"), body: <Imports /> });
  if (can("drill.read")) tabs.push({ id: "drills", title: t("drills:title"), body: <Drills /> });
  return (
    <div className="flex h-full flex-col">
      <PageHead title={t("snapshots:title")} />
      <PageTabs
        label={t("snapshots:title")}
        tabs={tabs.map((tab) => ({
          ...tab,
          full: true,
          body: <Suspense fallback={<Skeleton className="m-6 h-24" />}>{tab.body}</Suspense>,
        }))}
      />
    </div>
  );
}

function Listed() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, isLoading } = useScope();
  const { creating, end, add } = useCreating("snapshot.new", t("snapshots:new"), can("snapshot.create"));
  return (
    <>
      <SnapshotTable filter={filter} waits={isLoading} action={add} />
      {creating && <NewSnapshot onClose={end} />}
    </>
  );
}
