import { type ComponentType, lazy, useMemo } from "react";
import type { DatabaseOut, EngineOut } from "@/api";
import type { useCan } from "@/shell/session";
import { RunTable } from "../activity/RunTable";
import { SnapshotTable } from "../snapshots/SnapshotTable";
import { DatabaseOverview } from "./DatabaseOverview";

export interface TabProps {
  database: DatabaseOut;
  /** Unknown when the server has it no more. */
  engine: EngineOut | undefined;
}

interface DatabaseTab {
  /** Its word in the address: `?tab=<id>`. */
  id: string;
  title: string;
  /** By capability and permission, never by the engine's name. */
  shown: (of: TabProps & { can: ReturnType<typeof useCan> }) => boolean;
  full?: boolean;
  Body: ComponentType<TabProps>;
}

const keepsTables = ({ database, engine }: TabProps) =>
  engine?.capabilities.language === "sql" && database.state !== "deleted";

/** The tabs of a database's page, one entry each. */
export const TABS: readonly DatabaseTab[] = [
  { id: "overview", title: "databases:overview", shown: () => true, Body: DatabaseOverview },
  {
    id: "tables",
    title: "databases:tables",
    shown: keepsTables,
    full: true,
    Body: lazy(() => import("./tables/TablesTab")),
  },
  {
    id: "sql",
    title: "sql:tab",
    shown: (of) => keepsTables(of) && of.can("database.query.read", "database.query.write"),
    full: true,
    Body: lazy(() => import("./sql/SqlTab")),
  },
  { id: "snapshots", title: "snapshots:title", shown: ({ can }) => can("snapshot.read"), full: true, Body: Snapshots },
  { id: "runs", title: "activity:runs", shown: ({ can }) => can("run.read"), full: true, Body: Runs },
  {
    id: "connections",
    title: "connections:title",
    shown: ({ database }) => database.state !== "deleted",
    full: true,
    Body: lazy(() => import("./connections/ConnectionsTab")),
  },
  {
    id: "settings",
    title: "dbsettings:title",
    shown: ({ database }) => database.state !== "deleted",
    full: true,
    Body: lazy(() => import("./settings/SettingsTab")),
  },
];

function useOfOne({ database: { id } }: TabProps) {
  return useMemo(() => ({ resource_id: id }), [id]);
}

function Snapshots(props: TabProps) {
  return <SnapshotTable filter={useOfOne(props)} ofOne />;
}

function Runs(props: TabProps) {
  return <RunTable filter={useOfOne(props)} />;
}
