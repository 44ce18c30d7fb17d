import { Settings } from "lucide-react";
import type { Screen } from "../screen";

export const settings: Screen = {
  path: "/settings",
  title: "settings:title",
  icon: Settings,
  shortcut: "go.settings",
  docs: "settings",
  also: "appearance theme language sessions",
  load: () => import("./SettingsPage"),
};

export const settingsSection: Screen = {
  path: "/settings/$section",
  title: "settings:title",
  docs: "settings",
  load: () => import("./SettingsPage"),
};
