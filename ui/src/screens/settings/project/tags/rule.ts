import type {
  ConditionsIn,
  HoldfastFeaturesBackupsTaggingWireLookOut as Look,
  HoldfastFeaturesBackupsTaggingWireRuleOut as Rule,
  HoldfastFeaturesBackupsTaggingWireRuleIn as RuleIn,
} from "@/api";

export type { Look, Rule, RuleIn };
export const TRIGGERS = ["manual", "schedule", "safety", "import", "adopted"] as const;
const MB = 1024 * 1024;

/** A rule as its form holds it: sizes in megabytes and lists as text. */
export interface Draft {
  name: string;
  tags: string;
  enabled: boolean;
  engines: readonly string[];
  triggers: readonly string[];
  pattern: string;
  labels: string;
  least: string;
  most: string;
  /** Chosen by the command line; sent back as they came. */
  plans: string[];
}

const size = (bytes: number | null | undefined) => (bytes === null || bytes === undefined ? "" : String(bytes / MB));

export function draftOf(rule?: Rule): Draft {
  const of: ConditionsIn = rule?.conditions ?? {};
  return {
    name: rule?.name ?? "",
    tags: rule?.tags.join(", ") ?? "",
    enabled: rule?.enabled ?? true,
    engines: of.engines ?? [],
    triggers: of.triggers ?? [],
    pattern: of.pattern ?? "",
    labels: Object.entries(of.labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(", "),
    least: size(of.least_bytes),
    most: size(of.most_bytes),
    plans: of.plan_ids ?? [],
  };
}

const split = (text: string) =>
  text
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    split(text).map((each) => {
      const [key = "", ...value] = each.split("=");
      return [key.trim(), value.join("=").trim()];
    }),
  );
}

const bytesOf = (text: string) => {
  const number = Number(text.replace(",", "."));
  return text.trim() === "" || !Number.isFinite(number) ? null : Math.round(number * MB);
};

/** What is sent. A condition that says nothing is left out: it would hold for nothing, or for everything. */
export function bodyOf(draft: Draft): RuleIn {
  const labels = labelsOf(draft.labels);
  const [least, most] = [bytesOf(draft.least), bytesOf(draft.most)];
  return {
    tags: split(draft.tags),
    enabled: draft.enabled,
    conditions: {
      ...(draft.engines.length > 0 && { engines: [...draft.engines] }),
      ...(draft.triggers.length > 0 && { triggers: [...draft.triggers] }),
      ...(draft.pattern.trim() && { pattern: draft.pattern.trim() }),
      ...(Object.keys(labels).length > 0 && { labels }),
      ...(least !== null && { least_bytes: least }),
      ...(most !== null && { most_bytes: most }),
      ...(draft.plans.length > 0 && { plan_ids: draft.plans }),
    },
  };
}
