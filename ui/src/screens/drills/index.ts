import type { Screen } from "../screen";

/** Their list is a tab of the snapshots. */
export const drill: Screen = {
  path: "/snapshots/drills/$id",
  title: "drills:one",
  permission: ["drill.read"],
  docs: "drills",
  load: () => import("./DrillPage"),
};
