import { expect, test } from "vitest";
import { bodyOf, draftOf, type Rule } from "./rule";

const RULE: Rule = {
  name: "big",
  tags: ["large", "slow"],
  enabled: false,
  changed_by: "usr_1",
  changed_at: "2026-11-22T00:00:00Z",
  conditions: {
    engines: ["postgresql"],
    triggers: ["schedule"],
    pattern: "shop-*",
    labels: { tier: "gold", "x=y": "" },
    least_bytes: 10 * 1024 * 1024,
    most_bytes: 1536 * 1024,
    plan_ids: ["pln_1"],
  },
};

test("a rule goes through its form unchanged, with what the form has no control for", () => {
  const { tags, enabled, conditions } = bodyOf(
    draftOf({ ...RULE, conditions: { ...RULE.conditions, labels: { tier: "gold" } } }),
  );
  expect({ tags, enabled }).toEqual({ tags: RULE.tags, enabled: false });
  expect(conditions).toEqual({ ...RULE.conditions, labels: { tier: "gold" } });
});

test("conditions that say nothing are not sent: each would narrow the rule", () => {
  expect(bodyOf({ ...draftOf(), tags: " a ,, b " })).toEqual({ tags: ["a", "b"], enabled: true, conditions: {} });
});

test("a value may hold an equals sign, and a size a comma or nonsense", () => {
  const body = bodyOf({ ...draftOf(), tags: "t", labels: "url=a=b", least: "1,5", most: "much" });
  expect(body.conditions).toEqual({ labels: { url: "a=b" }, least_bytes: 1_572_864 });
});
