import { Database } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseList } from "@/api";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { useDatabaseActs } from "./acts";
import { useEngines } from "./engines";
import { COLOURS } from "./settings/colours";
import { written } from "./settings/labels";
import { DatabaseState, Dot } from "./words";

// Forms and their checks are as large as the rest of the page: fetched when one is opened.
const CreateWizard = lazy(() => import("./create/CreateWizard"));

export default function Databases() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, environments, isLoading } = useScope();
  const { data: engines } = useEngines();
  const [search] = useAddress();
  const isDeleted = search.deleted === "yes";
  const { acts, dialogs } = useDatabaseActs(isDeleted);
  const { creating, end, add } = useCreating("db.new", t("databases:new"), can("database.create", "database.register"));
  const [seen, setSeen] = useState<readonly string[]>([]);

  const columns = useMemo<Column<DatabaseOut>[]>(() => {
    const titles = Object.fromEntries((engines ?? []).map(({ name, title }) => [name, title]));
    const places = Object.fromEntries(environments.map(({ id, name }) => [id, name]));
    return [
      {
        id: "name",
        title: t("databases:name"),
        value: (row) => row.name,
        cell: (row) => (
          <>
            {row.name} <Dot colour={row.colour} />
          </>
        ),
        width: "minmax(180px, 2fr)",
        card: "title",
      },
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
        value: (row) => Object.entries(row.labels).map(written).join(", "),
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
      {
        id: "purge",
        title: t("databases:purgeAfter"),
        value: (row) => row.purge_after,
        cell: (row) => <Time at={row.purge_after} />,
        width: "150px",
        spare: !isDeleted,
      },
      { id: "notes", title: t("dbsettings:notes"), value: (row) => row.notes, spare: true },
      {
        id: "host",
        title: t("databases:host"),
        value: (row) => row.host && t(`databases:hosts.${row.host}`, { defaultValue: row.host }),
        spare: true,
      },
      { id: "node", title: t("databases:node"), value: (row) => row.node, spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ];
  }, [t, engines, environments, isDeleted]);

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
      {
        id: "label",
        title: t("databases:labels"),
        many: true,
        options: seen.map((value) => ({ value, label: value })),
      },
      {
        id: "colour",
        title: t("dbsettings:colour"),
        options: Object.keys(COLOURS).map((value) => ({ value, label: t(`dbsettings:colours.${value}`) })),
      },
      {
        id: "deleted",
        title: t("databases:trash"),
        options: [{ value: "yes", label: t("databases:trashed") }],
      },
    ],
    [t, engines, seen],
  );

  const source = useMemo<Source<DatabaseOut>>(
    () => ({
      key: ["databases", "list", filter],
      waits: isLoading,
      page: async ({ q, filters, limit, cursor, signal }) => {
        const labels = [...(filters.label ?? []), ...(q.includes("=") ? [q] : [])];
        const found = await data(
          databaseList({
            query: {
              ...filter,
              limit,
              cursor,
              ...(q && !q.includes("=") && { name: q }),
              ...(labels.length > 0 && { label: labels }),
              ...(filters.state && { state: [...filters.state] }),
              ...(filters.engine && { engine: filters.engine[0] }),
              ...(filters.colour && { colour: filters.colour[0] }),
              ...(filters.deleted && { deleted: true }),
            },
            signal,
          }),
        );
        const there = found.items.flatMap(({ labels }) =>
          Object.entries(labels).map(([key, value]) => `${key}=${value}`),
        );
        setSeen((before) =>
          there.every((each) => before.includes(each)) ? before : [...new Set([...before, ...there])].sort(),
        );
        return found;
      },
    }),
    [filter, isLoading],
  );

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
      {dialogs}
      {creating && (
        <Suspense>
          <CreateWizard onClose={end} />
        </Suspense>
      )}
    </>
  );
}
