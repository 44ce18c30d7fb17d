import { Warehouse } from "lucide-react";
import type { Screen } from "../screen";

export const repositories: Screen = {
  path: "/repositories",
  title: "repositories:title",
  icon: Warehouse,
  shortcut: "go.repositories",
  permission: ["repository.read"],
  also: "storage bucket s3 restic backup",
  docs: "repositories",
  load: () => import("./Repositories"),
};

export const repository: Screen = {
  path: "/repositories/$id",
  title: "repositories:one",
  permission: ["repository.read"],
  docs: "repository",
  load: () => import("./RepositoryPage"),
};
