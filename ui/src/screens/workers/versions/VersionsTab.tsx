import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Segments } from "@/parts/Setting";
import { Skeleton } from "@/parts/small";
import { useAddress } from "@/shell/address";
import type { TabProps } from "../tabs";
import { VersionTable } from "./VersionTable";

const Deployments = lazy(() => import("./Deployments"));

/** What was uploaded, and what took the requests when. */
export default function VersionsTab({ worker }: TabProps) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const view = search.view === "deployments" ? "deployments" : "versions";
  const which = (
    <Segments
      label={t("workers:which")}
      value={view}
      options={["versions", "deployments"].map((value) => ({ value, label: t(`workers:${value}`) }))}
      onChange={(value) => set({ view: value === "versions" ? undefined : value, sort: undefined, q: undefined })}
    />
  );
  return view === "versions" ? (
    <VersionTable worker={worker}>{which}</VersionTable>
  ) : (
    <Suspense fallback={<Skeleton className="m-6 h-24" />}>
      <Deployments worker={worker}>{which}</Deployments>
    </Suspense>
  );
}
