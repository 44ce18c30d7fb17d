import { Warehouse } from "lucide-react";
import type { Screen } from "../screen";

export const repositories: Screen = {
  path: "/repositories",
  title: "repositories:title",
  icon: Warehouse,
  shortcut: "go.repositories",
  permission: ["repository.read"],
  docs: "how-to/repositories/",
  also: "storage bucket s3 restic backup",
  load: () => import("./Repositories"),
};

export const repository: Screen = {
  path: "/repositories/$id",
  title: "repositories:one",
  permission: ["repository.read"],
  load: () => import("./RepositoryPage"),
};
