import { type ComponentType, lazy } from "react";
import type { WorkerOut } from "@/api";
import type { useCan } from "@/shell/session";
import { CODE_TABS } from "./codeTabs";
import { Overview } from "./overview/Overview";

export interface TabProps {
  worker: WorkerOut;
}

interface WorkerTab {
  /** Its word in the address: `?tab=<id>`. */
  id: string;
  title: string;
  shown: (of: TabProps & { can: ReturnType<typeof useCan> }) => boolean;
  full?: boolean;
  Body: ComponentType<TabProps>;
}

const lives = ({ worker }: TabProps) => worker.deleted_at === null;

/** The tabs of a worker's page, one entry each. */
export const TABS: readonly [WorkerTab, ...WorkerTab[]] = [
  { id: "overview", title: "workers:overview", shown: () => true, Body: Overview },
  {
    id: "versions",
    title: "workers:versions",
    shown: () => true,
    full: true,
    Body: lazy(() => import("./versions/VersionsTab")),
  },
  ...CODE_TABS,
  {
    id: "logs",
    title: "workers:logs",
    shown: ({ can }) => can("worker.logs.read"),
    full: true,
    Body: lazy(() => import("./logs/LogsTab")),
  },
  {
    id: "settings",
    title: "workers:settings",
    shown: lives,
    full: true,
    Body: lazy(() => import("./settings/SettingsTab")),
  },
];
