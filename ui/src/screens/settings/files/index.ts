import { FileLock2 } from "lucide-react";
import type { SettingsSection } from "../section";

export const files: readonly SettingsSection[] = [
  {
    id: "files",
    group: "project",
    title: "files:settings",
    icon: FileLock2,
    permission: ["snapshot.download"],
    also: "download links encryption life",
    docs: "snapshots",
    load: () => import("./FilesSection"),
  },
];
