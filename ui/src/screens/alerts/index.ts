import { Bell } from "lucide-react";
import type { Screen } from "../screen";
import { CriticalBadge } from "./CriticalBadge";

export const alerts: Screen = {
  path: "/alerts",
  title: "alerts:title",
  icon: Bell,
  Badge: CriticalBadge,
  shortcut: "go.alerts",
  permission: ["alert.read"],
  also: "incidents notifications deliveries problems",
  docs: "alerts",
  load: () => import("./AlertsPage"),
};
