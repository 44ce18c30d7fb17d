import { Archive, Database, Play, Square } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseList, databaseStart, databaseStop, snapshotCreateMany } from "@/api";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Filter, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { useEach } from "@/parts/useEach";
import { data, once } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { useEngines } from "./engines";
import { DatabaseState } from "./words";

// Forms and their checks are as large as the rest of the page: fetched when one is opened.
const CreateWizard = lazy(() => import("./create/CreateWizard"));

export default function Databases() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, environments, isLoading } = useScope();
  const { data: engines } = useEngines();
  const each = useEach();
  const { creating, end, add } = useCreating("db.new", t("databases:new"), can("database.create"));

  const columns = useMemo<Column<DatabaseOut>[]>(() => {
    const titles = Object.fromEntries((engines ?? []).map(({ name, title }) => [name, title]));
    const places = Object.fromEntries(environments.map(({ id, name }) => [id, name]));
    return [
      { id: "name", title: t("databases:name"), value: (row) => row.name, width: "minmax(180px, 2fr)", card: "title" },
      {
        id: "state",
        title: t("databases:state"),
        value: (row) => row.state,
        cell: (row) => <DatabaseState state={row.state} />,
        width: "minmax(110px, 0.9fr)",
        card: "side",
      },
      {
        id: "engine",
        title: t("databases:engine"),
        value: (row) => titles[row.engine] ?? row.engine,
        card: "line",
      },
      {
        id: "environment",
        title: t("shell:environment"),
        value: (row) => places[row.environment_id] ?? row.environment_id,
        card: "line",
      },
      {
        id: "labels",
        title: t("databases:labels"),
        value: (row) =>
          Object.entries(row.labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(", "),
      },
      {
        id: "updated",
        title: t("databases:changed"),
        value: (row) => row.updated_at,
        cell: (row) => <Time at={row.updated_at} />,
        width: "130px",
        card: "line",
      },
      {
        id: "created",
        title: t("databases:created"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "130px",
        spare: true,
      },
      { id: "host", title: t("databases:host"), value: (row) => row.host, spare: true },
      { id: "node", title: t("databases:node"), value: (row) => row.node, spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ];
  }, [t, engines, environments]);

  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "state",
        title: t("databases:state"),
        many: true,
        options: ["ready", "stopped", "failed"].map((value) => ({ value, label: t(`databases:states.${value}`) })),
      },
      {
        id: "engine",
        title: t("databases:engine"),
        options: (engines ?? []).map(({ name, title }) => ({ value: name, label: title })),
      },
    ],
    [t, engines],
  );

  const source = useMemo<Source<DatabaseOut>>(
    () => ({
      key: ["databases", "list", filter],
      waits: isLoading,
      page: ({ q, filters, limit, cursor, signal }) =>
        data(
          databaseList({
            query: {
              ...filter,
              limit,
              cursor,
              ...(q && { name: q }),
              ...(filters.state && { state: [...filters.state] }),
              ...(filters.engine && { engine: filters.engine[0] }),
            },
            signal,
          }),
        ),
    }),
    [filter, isLoading],
  );

  const acts: BulkAct<DatabaseOut>[] = [];
  if (can("snapshot.create"))
    acts.push({
      id: "snapshot",
      title: t("databases:snapshot"),
      icon: <Archive />,
      run: (rows, clear) =>
        void data(snapshotCreateMany({ body: { databases: rows.map(({ id }) => id) }, headers: once() })).then(
          (asked) => {
            toast.good(t("databases:snapshotsBegun", { count: asked.items.length }));
            clear();
          },
          (error) => toast.bad(error.message, error.hint),
        ),
    });
  if (can("database.start"))
    acts.push({
      id: "start",
      title: t("databases:start"),
      icon: <Play />,
      run: (rows, clear) => each(rows, (row) => data(databaseStart({ path: { database_id: row.id } })), clear),
    });
  if (can("database.stop"))
    acts.push({
      id: "stop",
      title: t("databases:stop"),
      icon: <Square />,
      run: (rows, clear) => each(rows, (row) => data(databaseStop({ path: { database_id: row.id } })), clear),
    });

  return (
    <>
      <DataTable
        id="databases"
        label={t("databases:title")}
        source={source}
        columns={columns}
        filters={filters}
        acts={acts}
        rowId={(row) => row.id}
        to={(row) => `/databases/${row.id}`}
        searchHint={t("databases:find")}
        empty={{ icon: <Database />, title: t("databases:first"), lead: t("databases:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && (
        <Suspense>
          <CreateWizard onClose={end} />
        </Suspense>
      )}
    </>
  );
}
