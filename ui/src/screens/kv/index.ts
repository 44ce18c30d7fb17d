import { KeyRound } from "lucide-react";
import type { Screen } from "../screen";

export const namespaces: Screen = {
  path: "/kv",
  title: "kv:title",
  icon: KeyRound,
  shortcut: "go.kv",
  permission: ["kv.read"],
  also: "kv namespaces keys cache workers",
  docs: "key-value",
  load: () => import("./Namespaces"),
};

export const namespace: Screen = {
  path: "/kv/$id",
  title: "kv:one",
  permission: ["kv.read"],
  docs: "key-value",
  load: () => import("./NamespacePage"),
};
