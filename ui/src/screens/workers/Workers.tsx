import { SquareFunction } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { workerList, workerStandingList } from "@/api";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { count } from "@/parts/text";
import { useCreating } from "@/parts/useCreating";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { written } from "../databases/settings/labels";
import { Dot } from "../databases/words";
import { useWorkerActs } from "./acts";
import { DeployHint } from "./DeployHint";
import { joined, type Listed, shares } from "./listed";
import { Statuses } from "./Statuses";
import { stateOf } from "./state";
import { HostLink, WorkerState } from "./words";

const NewWorker = lazy(() => import("./NewWorker"));

export default function Workers() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, environments, isLoading } = useScope();
  const [search] = useAddress();
  const isDeleted = search.deleted === "yes";
  const { acts, dialogs } = useWorkerActs(isDeleted);
  const { creating, end, add } = useCreating("worker.new", t("workers:new"), can("worker.create"));

  const columns = useMemo<Column<Listed>[]>(() => {
    const places = Object.fromEntries(environments.map(({ id, name }) => [id, name]));
    return [
      {
        id: "name",
        title: t("workers:name"),
        value: (row) => row.name,
        cell: (row) => (
          <>
            {row.name} <Dot colour={row.colour} />
          </>
        ),
        width: "minmax(150px, 1.4fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("workers:state"),
        value: (row) => stateOf(row),
        cell: (row) => <WorkerState worker={row} />,
        width: "minmax(100px, 0.7fr)",
        card: "side",
      },
      {
        id: "host",
        title: t("workers:host"),
        value: (row) => row.standing?.addresses[0] ?? row.slug,
        cell: (row) => <HostLink address={row.standing?.addresses[0]} slug={row.slug} />,
        width: "minmax(180px, 1.5fr)",
      },
      {
        id: "version",
        title: t("workers:deployed"),
        value: (row) => shares(row.standing?.deployed ?? []),
        cell: (row) =>
          row.standing?.deployed.length ? (
            shares(row.standing.deployed)
          ) : (
            <span className="text-muted">{t("workers:notDeployed")}</span>
          ),
        width: "minmax(140px, 0.9fr)",
        card: "line",
      },
      {
        id: "requests",
        title: t("workers:requestsDay"),
        value: (row) => row.standing?.requests ?? 0,
        cell: (row) => count(row.standing?.requests ?? 0),
        width: "136px",
        numeric: true,
        card: "line",
        onCard: (row) => t("workers:calls", { count: row.standing?.requests ?? 0 }),
      },
      {
        id: "errors",
        title: t("workers:errorsDay"),
        value: (row) => row.standing?.errors ?? 0,
        cell: (row) => (
          <span className={row.standing?.errors ? "font-medium text-bad" : undefined}>
            {count(row.standing?.errors ?? 0)}
          </span>
        ),
        width: "116px",
        numeric: true,
      },
      {
        id: "answers",
        title: t("workers:answersDay"),
        value: (row) => row.standing?.statuses["5xx"] ?? 0,
        cell: (row) => <Statuses of={row.standing?.statuses} brief />,
        width: "minmax(150px, 1fr)",
      },
      {
        id: "last",
        title: t("workers:lastCall"),
        value: (row) => row.standing?.last_at,
        cell: (row) => <Time at={row.standing?.last_at} />,
        width: "110px",
        card: "line",
      },
      {
        id: "environment",
        title: t("shell:environment"),
        value: (row) => places[row.environment_id] ?? row.environment_id,
        spare: true,
      },
      {
        id: "labels",
        title: t("databases:labels"),
        value: (row) => Object.entries(row.labels).map(written).join(", "),
        spare: true,
      },
      {
        id: "created",
        title: t("databases:created"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "130px",
        spare: true,
      },
      {
        id: "purge",
        title: t("databases:purgeAfter"),
        value: (row) => row.purge_after,
        cell: (row) => <Time at={row.purge_after} />,
        width: "150px",
        spare: !isDeleted,
      },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ];
  }, [t, environments, isDeleted]);

  const filters = useMemo<Filter[]>(
    () => [{ id: "deleted", title: t("databases:trash"), options: [{ value: "yes", label: t("databases:trashed") }] }],
    [t],
  );

  const source = useMemo<Source<Listed>>(
    () => ({
      key: ["workers", "list", filter],
      waits: isLoading,
      page: async ({ q, filters, limit, cursor, signal }) => {
        const query = { ...filter, limit, cursor, ...(q && { q }), ...(filters.deleted && { deleted: true }) };
        const [found, standings] = await Promise.all([
          data(workerList({ query, signal })),
          data(workerStandingList({ query, signal })),
        ]);
        return { ...found, items: joined(found.items, standings.items) };
      },
    }),
    [filter, isLoading],
  );

  return (
    <>
      <DataTable
        id="workers"
        label={t("workers:title")}
        source={source}
        columns={columns}
        filters={filters}
        acts={acts}
        rowId={(row) => row.id}
        to={(row) => `/workers/${row.id}`}
        searchHint={t("workers:find")}
        empty={{
          icon: <SquareFunction />,
          title: t("workers:first"),
          lead: t("workers:firstLead"),
          action: (
            <div className="grid justify-items-center gap-3">
              <DeployHint />
              {add}
            </div>
          ),
        }}
      >
        {add}
      </DataTable>
      {dialogs}
      {creating && (
        <Suspense>
          <NewWorker onClose={end} />
        </Suspense>
      )}
    </>
  );
}
