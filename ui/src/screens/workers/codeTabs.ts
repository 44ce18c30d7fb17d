import { type ComponentType, lazy } from "react";
import type { WorkerOut } from "@/api";
import type { useCan } from "@/shell/session";

interface CodeTab {
  id: string;
  title: string;
  shown: (of: { worker: WorkerOut; can: ReturnType<typeof useCan> }) => boolean;
  full: boolean;
  Body: ComponentType<{ worker: WorkerOut }>;
}

/** The tabs of a worker's page that are about its code and calling it. */
export const CODE_TABS: readonly CodeTab[] = [
  {
    id: "editor",
    title: "code:editor",
    shown: () => true,
    full: true,
    Body: lazy(() => import("./editor/EditorTab")),
  },
  {
    id: "console",
    title: "code:console",
    shown: ({ worker, can }) => worker.deleted_at === null && can("worker.invoke"),
    full: true,
    Body: lazy(() => import("./console/ConsoleTab")),
  },
];
