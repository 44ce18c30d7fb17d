import { CalendarClock } from "lucide-react";
import type { Screen } from "../screen";

export const plans: Screen = {
  path: "/plans",
  title: "plans:title",
  icon: CalendarClock,
  shortcut: "go.plans",
  permission: ["plan.read"],
  docs: "how-to/plan-backups/",
  also: "schedules cron backup retention",
  load: () => import("./Plans"),
};

export const plan: Screen = {
  path: "/plans/$id",
  title: "plans:one",
  permission: ["plan.read"],
  load: () => import("./PlanPage"),
};
