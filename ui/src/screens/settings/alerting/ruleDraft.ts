import type {
  HoldfastFeaturesAlertsWireRuleIn as RuleIn,
  HoldfastFeaturesAlertsWireRuleOut as RuleOut,
  RulePatch,
} from "@/api";

export const MODES = ["immediate", "digest", "off"] as const;
export type Mode = (typeof MODES)[number];
export const GRAVE = ["critical", "warning", "info"] as const;

/** A rule as its form has it: "" is what the server takes as null. */
export interface RuleDraft {
  name: string;
  project: string;
  mode: Mode;
  events: string[];
  channels: string[];
  environment: string;
  resource: string;
  labels: string;
  severity: string;
  threshold: string;
  /** As a browser's field for a moment has it, in the time of here. */
  until: string;
  enabled: boolean;
}

export function freshRule(project: string): RuleDraft {
  return {
    name: "",
    project,
    mode: "immediate",
    events: [],
    channels: [],
    environment: "",
    resource: "",
    labels: "",
    severity: "",
    threshold: "",
    until: "",
    enabled: true,
  };
}

function localMoment(at: string): string {
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function ruleDraftOf(rule: RuleOut): RuleDraft {
  return {
    name: rule.name,
    project: rule.project_id ?? "",
    mode: MODES.find((each) => each === rule.mode) ?? "immediate",
    events: [...rule.events],
    channels: [...rule.channel_ids],
    environment: rule.environment_id ?? "",
    resource: rule.resource_id ?? "",
    labels: Object.entries(rule.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(", "),
    severity: rule.severity ?? "",
    threshold: rule.threshold === null ? "" : String(rule.threshold),
    until: rule.until ? localMoment(rule.until) : "",
    enabled: rule.enabled,
  };
}

/** `team=shop, tier=1`; what has no `=` is a label with an empty value. */
export function labelsOf(text: string): Record<string, string> {
  const pairs = text
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = "", ...value] = pair.split("=");
      return [name.trim(), value.join("=").trim()];
    }),
  );
}

export function patchOf(draft: RuleDraft): RulePatch {
  return {
    name: draft.name.trim(),
    mode: draft.mode,
    events: draft.events,
    channel_ids: draft.channels,
    labels: labelsOf(draft.labels),
    severity: GRAVE.find((each) => each === draft.severity) ?? null,
    threshold: draft.threshold === "" ? null : Number(draft.threshold),
    until: draft.until ? new Date(draft.until).toISOString() : null,
    enabled: draft.enabled,
  };
}

/** Where it counts is said once: a rule never moves. */
export function newRule(draft: RuleDraft): RuleIn {
  const { mode, name, ...same } = patchOf(draft);
  return {
    ...(same as Omit<RuleIn, "name" | "mode">),
    name: name ?? "",
    mode: mode ?? "immediate",
    project_id: draft.project || null,
    environment_id: draft.environment || null,
    resource_id: draft.resource || null,
  };
}
