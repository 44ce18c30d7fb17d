import { Archive } from "lucide-react";
import type { Screen } from "../screen";

export const snapshots: Screen = {
  path: "/snapshots",
  title: "snapshots:title",
  icon: Archive,
  shortcut: "go.snapshots",
  permission: ["snapshot.read"],
  docs: "how-to/back-up-and-restore/",
  also: "backups",
  load: () => import("./Snapshots"),
};

export const snapshot: Screen = {
  path: "/snapshots/$id",
  title: "snapshots:one",
  permission: ["snapshot.read"],
  load: () => import("./SnapshotPage"),
};
