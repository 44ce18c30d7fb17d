import { Archive } from "lucide-react";
import type { Screen } from "../screen";

export const snapshots: Screen = {
  path: "/snapshots",
  title: "snapshots:title",
  icon: Archive,
  shortcut: "go.snapshots",
  permission: ["snapshot.read"],
  also: "backups",
  docs: "snapshots",
  load: () => import("./Snapshots"),
};

export const snapshot: Screen = {
  path: "/snapshots/$id",
  title: "snapshots:one",
  permission: ["snapshot.read"],
  docs: "snapshot",
  load: () => import("./SnapshotPage"),
};

export const restore: Screen = {
  path: "/snapshots/$id/restore",
  title: "restore:one",
  permission: ["snapshot.read"],
  docs: "restore",
  load: () => import("./restore/RestoreWizard"),
};

/** By its run: what the wizard ends with, for whoever comes later. */
export const restored: Screen = {
  path: "/snapshots/restores/$id",
  title: "restores:one",
  permission: ["snapshot.read"],
  docs: "restore",
  load: () => import("./restore/RestoredPage"),
};
