import { CalendarClock } from "lucide-react";
import type { Screen } from "../screen";

export const plans: Screen = {
  path: "/plans",
  title: "plans:title",
  icon: CalendarClock,
  shortcut: "go.plans",
  permission: ["plan.read"],
  also: "schedules cron backup retention",
  docs: "plans",
  load: () => import("./Plans"),
};

export const plan: Screen = {
  path: "/plans/$id",
  title: "plans:one",
  permission: ["plan.read"],
  docs: "plan",
  load: () => import("./PlanPage"),
};
