import { Database } from "lucide-react";
import type { Screen } from "../screen";

export const databases: Screen = {
  path: "/databases",
  title: "databases:title",
  icon: Database,
  shortcut: "go.databases",
  permission: ["database.read"],
  docs: "how-to/postgresql/",
  also: "tables engines",
  load: () => import("./Databases"),
};

export const database: Screen = {
  path: "/databases/$id",
  title: "databases:one",
  permission: ["database.read"],
  load: () => import("./DatabasePage"),
};
