import { GitCommitHorizontal } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { workerVersionList } from "@/api";
import { Badge, Size, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { DeployHint } from "../DeployHint";
import { versionName } from "../listed";
import type { TabProps } from "../tabs";
import { useStanding, type VersionOut } from "../useVersions";
import { DeployDialog } from "./DeployDialog";
import { VersionSheet } from "./VersionSheet";
import { VersionState } from "./words";

export function VersionTable({ worker, children }: TabProps & { children: ReactNode }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const [deploying, setDeploying] = useState<VersionOut | null>(null);
  const { data: standing } = useStanding(worker.id, !search.shown); // behind a sheet nobody reads the shares
  const columns = useMemo<Column<VersionOut>[]>(() => {
    const weights = new Map(standing?.deployed.map(({ version_id, weight }) => [version_id, weight]));
    return [
      {
        id: "number",
        title: t("workers:version"),
        value: (row) => row.number,
        cell: (row) => versionName(row),
        width: "minmax(120px, 0.9fr)",
        card: "title",
      },
      {
        id: "share",
        title: t("workers:share"),
        value: (row) => weights.get(row.id) ?? -1,
        cell: (row) =>
          weights.has(row.id) ? (
            <Badge tone="good">{t("workers:takes", { weight: weights.get(row.id) })}</Badge>
          ) : (
            <span className="text-faint">–</span>
          ),
        width: "110px",
        card: "side",
      },
      {
        id: "state",
        title: t("workers:state"),
        value: (row) => row.state,
        cell: (row) => <VersionState state={row.state} />,
        width: "110px",
      },
      {
        id: "message",
        title: t("workers:message"),
        value: (row) => row.message,
        width: "minmax(160px, 2fr)",
        card: "line",
      },
      {
        id: "size",
        title: t("databases:size"),
        value: (row) => row.size,
        cell: (row) => <Size of={row.size} />,
        numeric: true,
        width: "90px",
      },
      { id: "main", title: t("workers:main"), value: (row) => row.main, spare: true },
      {
        id: "created",
        title: t("workers:uploaded"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
        card: "line",
      },
      { id: "digest", title: t("workers:digest"), value: (row) => row.digest, width: "220px", spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ];
  }, [t, standing]);
  const source = useMemo<Source<VersionOut>>(
    () => ({
      key: ["workers", worker.id, "versions", "list"],
      page: ({ limit, cursor, signal }) =>
        data(workerVersionList({ path: { worker_id: worker.id }, query: { limit, cursor }, signal })),
    }),
    [worker.id],
  );
  return (
    <>
      <DataTable
        id="worker-versions"
        label={t("workers:versions")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        onOpen={(row) => set({ shown: row.id }, true)}
        empty={{
          icon: <GitCommitHorizontal />,
          title: t("workers:noVersion"),
          lead: t("workers:noVersionLead"),
          action: <DeployHint name={worker.name} />,
        }}
      >
        {children}
      </DataTable>
      {search.shown && (
        <VersionSheet
          id={search.shown}
          worker={worker}
          onDeploy={setDeploying}
          onClose={() => set({ shown: undefined, against: undefined })}
        />
      )}
      {deploying && <DeployDialog worker={worker} version={deploying} onClose={() => setDeploying(null)} />}
    </>
  );
}
