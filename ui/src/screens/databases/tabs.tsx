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

/** Every optional power that an engine lacks is named among its gaps. */
const able = ({ engine }: TabProps, power: string) => {
  const gaps = engine?.capabilities.gaps as Record<string, string> | undefined;
  return gaps !== undefined && !(power in gaps);
};

/** The tabs of a database's page, one entry each. */
export const TABS: readonly [DatabaseTab, ...DatabaseTab[]] = [
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
  {
    id: "keys",
    title: "keys:title",
    shown: (of) => able(of, "CanKeyValue") && of.can("database.query.read", "database.query.write"),
    full: true,
    Body: lazy(() => import("./keys/KeysTab")),
  },
  {
    id: "console",
    title: "keys:console",
    shown: (of) =>
      of.engine?.capabilities.language === "commands" && of.can("database.query.read", "database.query.write"),
    full: true,
    Body: lazy(() => import("./keys/ConsoleTab")),
  },
  {
    id: "migrations",
    title: "migrations:title",
    shown: (of) => of.can("migration.read") && able(of, "CanScript"),
    full: true,
    Body: lazy(() => import("./migrations/MigrationsTab")),
  },
  {
    id: "transfers",
    title: "transfers:title",
    shown: (of) => of.can("database.import", "database.export") && able(of, "CanBulk"),
    full: true,
    Body: lazy(() => import("./transfers/TransfersTab")),
  },
  {
    id: "moves",
    title: "moves:title",
    shown: (of) => of.can("database.move") && of.engine?.capabilities.translates === true,
    full: true,
    Body: lazy(() => import("./moves/MovesTab")),
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
