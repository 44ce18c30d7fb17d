import type { LucideIcon } from "lucide-react";
import type { ComponentType } from "react";

/** Groups of the list at the left, in this order. */
export const GROUPS = ["own", "access", "project", "system"] as const;

/** A part of the settings, at `/settings/<id>`: one line in `sections.ts`. */
export interface SettingsSection {
  id: string;
  group: (typeof GROUPS)[number];
  /** A word of `words/<language>/`, such as `people:title`. */
  title: string;
  icon: LucideIcon;
  /** Whoever holds none of these anywhere does not see it. */
  permission?: readonly string[];
  /** Of the installation itself: whoever is let into some projects only does not see it. */
  everywhere?: boolean;
  /** Words the palette also finds it by. */
  also?: string;
  /** Its page of the documentation: a name in `docs/dashboard/`. */
  docs?: string;
  /** Fills the page and scrolls by itself: a list. */
  full?: boolean;
  load: () => Promise<{ default: ComponentType }>;
}
