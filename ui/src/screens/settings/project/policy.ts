import type {
  HoldfastFeaturesRetentionWirePolicyOut as Policy,
  HoldfastFeaturesRetentionWirePolicyIn as PolicyIn,
} from "@/api";

export type { Policy, PolicyIn };
export const RULES = ["last", "within", "hourly", "daily", "weekly", "monthly", "yearly"] as const;
export type Rule = (typeof RULES)[number];

/** A policy as its form holds it: numbers as text, so that an empty field is an empty field. */
export interface Draft {
  rules: Record<Rule, string>;
  minimum: string;
  tags: string;
}

export function draftOf(policy: Policy): Draft {
  return {
    rules: Object.fromEntries(RULES.map((rule) => [rule, String(policy[rule] ?? "")])) as Record<Rule, string>,
    minimum: String(policy.minimum),
    tags: policy.tags.join(", "),
  };
}

const whole = (text: string): number | null => {
  const number = Math.round(Number(text));
  return text.trim() === "" || !Number.isFinite(number) ? null : number;
};

/** Every rule is said: what is left out has a default of the server's own. */
export function bodyOf(draft: Draft): Policy {
  const rules = Object.fromEntries(RULES.map((rule) => [rule, whole(draft.rules[rule])])) as Record<
    Rule,
    number | null
  >;
  const tags = draft.tags
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
  return { ...rules, minimum: whole(draft.minimum) ?? 1, tags };
}

/** Those that keep anything: 0 and nothing switch a rule off. */
export function rulesOf(policy: Policy): [Rule, number][] {
  return RULES.flatMap((rule): [Rule, number][] => {
    const value = policy[rule];
    return value ? [[rule, value]] : [];
  });
}
