import type { HoldfastFeaturesAccessApiKeysKeyIn as KeyIn } from "@/api";

export const WHATS = ["role", "chosen", "all"] as const;
export const PLACES = ["all", "project", "environment", "resources"] as const;
export const DAYS = ["30", "90", "365"] as const;

export interface Draft {
  name: string;
  what: (typeof WHATS)[number];
  role: string;
  chosen: ReadonlySet<string>;
  place: (typeof PLACES)[number];
  project: string;
  environment: string;
  resources: readonly string[];
  /** "" has no end. */
  days: string;
}

/** A key that may little and ends: more is a choice. */
export function fresh(): Draft {
  return {
    name: "",
    what: "role",
    role: "viewer",
    chosen: new Set(),
    place: "all",
    project: "",
    environment: "",
    resources: [],
    days: "90",
  };
}

export function bodyOf(draft: Draft, now: number = Date.now()): KeyIn {
  const { name, what, place, days } = draft;
  return {
    name: name.trim(),
    ...(what === "role" && { role: draft.role }),
    ...(what === "chosen" && { permissions: [...draft.chosen].sort() }),
    ...(place === "project" && { projects: [draft.project] }),
    ...(place === "environment" && { environments: [draft.environment] }),
    ...(place === "resources" && { resources: [...draft.resources] }),
    ...(days && { expires_at: new Date(now + Number(days) * 86_400_000).toISOString() }),
  };
}
