import { Database } from "lucide-react";
import type { Screen } from "../screen";

export const databases: Screen = {
  path: "/databases",
  title: "databases:title",
  icon: Database,
  shortcut: "go.databases",
  permission: ["database.read"],
  also: "tables engines",
  docs: "databases",
  load: () => import("./Databases"),
};

export const database: Screen = {
  path: "/databases/$id",
  title: "databases:one",
  permission: ["database.read"],
  docs: "database",
  load: () => import("./DatabasePage"),
};
