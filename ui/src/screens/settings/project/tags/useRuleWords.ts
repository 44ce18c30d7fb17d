import { useTranslation } from "react-i18next";
import type { ConditionsIn } from "@/api";
import { bytes } from "@/parts/text";

/** The conditions of a rule as one sentence. */
export function useRuleWords(): (of: ConditionsIn | undefined) => string {
  const { t } = useTranslation();
  return (of = {}) => {
    const labels = Object.entries(of.labels ?? {}).map(([key, value]) => `${key}=${value}`);
    const said = [
      of.engines?.length && t("tags:when.engines", { list: of.engines.join(", ") }),
      labels.length && t("tags:when.labels", { list: labels.join(", ") }),
      of.plan_ids?.length && t("tags:when.plans", { count: of.plan_ids.length }),
      of.triggers?.length &&
        t("tags:when.triggers", {
          list: of.triggers.map((each) => t(`snapshots:triggers.${each}`, { defaultValue: each })).join(", "),
        }),
      of.pattern && t("tags:when.pattern", { pattern: of.pattern }),
      of.least_bytes != null && t("tags:when.least", { size: bytes(of.least_bytes) }),
      of.most_bytes != null && t("tags:when.most", { size: bytes(of.most_bytes) }),
    ].filter(Boolean);
    return said.length > 0 ? said.join("; ") : t("tags:when.always");
  };
}
