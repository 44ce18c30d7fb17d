import type { HoldfastFeaturesRetentionWirePolicyIn as PolicyIn, RetentionOut } from "@/api";
import { KEEP, type Kept } from "../../plans/draft";

/** A policy as its form holds it: numbers as text, so that an empty field is an empty field. */
export interface PolicyDraft {
  keep: Record<Kept, string>;
  within: string;
  minimum: string;
  tags: string;
  tz: string;
}

const text = (value: number | null) => (value ? String(value) : "");

export function draftOf({ policy, tz }: RetentionOut): PolicyDraft {
  const keep = Object.fromEntries(KEEP.map((rule) => [rule, text(policy[rule])])) as Record<Kept, string>;
  return { keep, within: text(policy.within), minimum: String(policy.minimum), tags: policy.tags.join(", "), tz };
}

/** What the server reads. An empty rule is off: left out, it would be the server's default. */
export function policyOf(draft: PolicyDraft): PolicyIn {
  const number = (typed: string) => (typed.trim() === "" ? null : Number(typed));
  return {
    ...Object.fromEntries(KEEP.map((rule) => [rule, number(draft.keep[rule])])),
    within: number(draft.within),
    minimum: number(draft.minimum) ?? 1,
    tags: draft.tags
      .split(",")
      .map((tag) => tag.trim())
      .filter(Boolean),
  };
}
