import { MonitorSmartphone, Palette } from "lucide-react";
import type { SettingsSection } from "../section";

export const own: readonly SettingsSection[] = [
  {
    id: "appearance",
    group: "own",
    title: "settings:appearance",
    icon: Palette,
    also: "theme dark light language contrast",
    docs: "appearance",
    load: () => import("./Appearance"),
  },
  {
    id: "sessions",
    group: "own",
    title: "settings:sessions",
    icon: MonitorSmartphone,
    also: "signed in browsers",
    docs: "sessions",
    load: () => import("./Sessions"),
  },
];
