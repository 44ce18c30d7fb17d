import { SquareFunction } from "lucide-react";
import type { Screen } from "../screen";

export const workers: Screen = {
  path: "/workers",
  title: "workers:title",
  icon: SquareFunction,
  shortcut: "go.workers",
  permission: ["worker.read"],
  also: "functions code deploy python serverless",
  docs: "workers",
  load: () => import("./Workers"),
};

export const worker: Screen = {
  path: "/workers/$id",
  title: "workers:one",
  permission: ["worker.read"],
  docs: "worker",
  load: () => import("./WorkerPage"),
};
