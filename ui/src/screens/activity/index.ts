import { Activity } from "lucide-react";
import type { Screen } from "../screen";

export const activity: Screen = {
  path: "/activity",
  title: "activity:title",
  icon: Activity,
  shortcut: "go.activity",
  permission: ["run.read", "audit.read"],
  also: "runs jobs audit log",
  docs: "activity",
  load: () => import("./ActivityPage"),
};

export const run: Screen = {
  path: "/runs/$id",
  title: "activity:run",
  permission: ["run.read"],
  docs: "run",
  load: () => import("./RunPage"),
};
