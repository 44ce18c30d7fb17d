import { ListFilter, Send } from "lucide-react";
import type { SettingsSection } from "../section";

export const alerting: readonly SettingsSection[] = [
  {
    id: "alert-channels",
    group: "project",
    title: "alerts:channels",
    icon: Send,
    permission: ["alert.read"],
    also: "mail smtp webhook notifications digest",
    docs: "alert-channels",
    full: true,
    load: () => import("./Channels"),
  },
  {
    id: "alert-rules",
    group: "project",
    title: "alerts:rules",
    icon: ListFilter,
    permission: ["alert.read"],
    also: "mute severity digest immediate notifications",
    docs: "alert-channels",
    full: true,
    load: () => import("./Rules"),
  },
];
