import { Settings } from "lucide-react";
import type { Screen } from "../screen";

export const settings: Screen = {
  path: "/settings",
  title: "settings:title",
  icon: Settings,
  shortcut: "go.settings",
  docs: "how-to/two-factor/",
  also: "appearance theme language sessions",
  load: () => import("./SettingsPage"),
};
