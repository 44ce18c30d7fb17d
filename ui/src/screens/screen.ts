import type { LucideIcon } from "lucide-react";
import type { ComponentType } from "react";
import type { ShortcutId } from "@/shell/shortcuts";

/** What the shell knows of a screen: its route, and where it is found. */
export interface Screen {
  path: string;
  /** A word of `words/<language>/`, such as `databases:title`. */
  title: string;
  load: () => Promise<{ default: ComponentType }>;
  /** In the rail, in the order of `screens/index.ts`. */
  icon?: LucideIcon;
  /** Over the icon in the rail: what cannot wait. Draws nothing while nothing does. */
  Badge?: ComponentType;
  shortcut?: ShortcutId;
  /** Whoever holds none of these anywhere does not see it. */
  permission?: readonly string[];
  /** Its page of the documentation: a name in `docs/dashboard/`. */
  docs?: string;
  /** Words the palette also finds it by. */
  also?: string;
}
