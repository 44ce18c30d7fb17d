import { Rocket, Undo2 } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DeploymentOut, workerDeploymentList, workerRollback } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Source } from "@/parts/table/types";
import { data, once } from "@/shell/api";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { shares, versionName } from "../listed";
import type { TabProps } from "../tabs";
import { useStanding } from "../useVersions";
import { stale } from "../useWorker";

const NO_ACTS: readonly BulkAct<DeploymentOut>[] = [];

/** What took the requests when; the newest counts. */
export default function Deployments({ worker, children }: TabProps & { children: ReactNode }) {
  const { t } = useTranslation();
  const can = useCan();
  const { data: standing } = useStanding(worker.id);
  const [asked, setAsked] = useState<DeploymentOut | "before" | null>(null);
  const able = can("worker.deploy") && worker.deleted_at === null;
  const columns = useMemo<Column<DeploymentOut>[]>(
    () => [
      {
        id: "versions",
        title: t("workers:versions"),
        value: (row) => shares(row.versions),
        width: "minmax(150px, 1.4fr)",
        card: "title",
      },
      { id: "number", title: "#", value: (row) => row.number, width: "64px", numeric: true },
      {
        id: "trigger",
        title: t("workers:trigger"),
        value: (row) => row.trigger,
        cell: (row) => (
          <Badge
            tone={row.trigger === "rollback" ? "warn" : "info"}
            icon={row.trigger === "rollback" ? <Undo2 /> : <Rocket />}
          >
            {t(`workers:triggers.${row.trigger}`)}
          </Badge>
        ),
        width: "120px",
        card: "side",
      },
      {
        id: "message",
        title: t("workers:message"),
        value: (row) => row.message,
        width: "minmax(140px, 2fr)",
        card: "line",
      },
      {
        id: "created",
        title: t("workers:when"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
        card: "line",
      },
      { id: "by", title: t("workers:by"), value: (row) => row.created_by, spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t],
  );
  const source = useMemo<Source<DeploymentOut>>(
    () => ({
      key: ["workers", worker.id, "deployments"],
      page: ({ limit, cursor, signal }) =>
        data(workerDeploymentList({ path: { worker_id: worker.id }, query: { limit, cursor }, signal })),
    }),
    [worker.id],
  );
  const to = asked && asked !== "before" && asked.versions.length === 1 ? asked.versions[0] : undefined;
  return (
    <>
      <DataTable
        id="worker-deployments"
        label={t("workers:deployments")}
        source={source}
        columns={columns}
        acts={NO_ACTS}
        rowId={(row) => row.id}
        {...(able && { onOpen: (row: DeploymentOut) => row.versions.length === 1 && setAsked(row) })}
        empty={{ icon: <Rocket />, title: t("workers:noDeployments"), lead: t("workers:noVersionLead") }}
      >
        {children}
        {able && (standing?.deployed.length ?? 0) > 0 && (
          <Button icon={<Undo2 />} onClick={() => setAsked("before")}>
            {t("workers:rollBack")}
          </Button>
        )}
      </DataTable>
      <Confirm
        open={asked !== null}
        onOpenChange={(open) => !open && setAsked(null)}
        title={to ? t("workers:rollBackTo", { version: versionName(to) }) : t("workers:rollBackTitle")}
        lead={t("workers:rollBackLead")}
        verb={t("workers:rollBack")}
        act={async () => {
          const made = await data(
            workerRollback({
              path: { worker_id: worker.id },
              headers: once(),
              body: { ...(to && { version_id: to.version_id }) },
            }),
          );
          stale(worker.id);
          toast.good(t("workers:deployedNow", { version: shares(made.versions) }));
        }}
      />
    </>
  );
}
