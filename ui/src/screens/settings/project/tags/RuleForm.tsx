import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ProjectOut, tagRuleSet } from "@/api";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { useEngines } from "@/screens/databases/engines";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { Switch } from "../../Switch";
import { bodyOf, type Draft, draftOf, type Rule, TRIGGERS } from "./rule";

/** Makes a rule, or changes one. Its name stays: it is how a rule is known. */
export function RuleForm({ project, rule, onClose }: { project: ProjectOut; rule?: Rule; onClose: () => void }) {
  const { t } = useTranslation();
  const { data: engines = [] } = useEngines();
  const [draft, setDraft] = useState<Draft>(() => draftOf(rule));
  const set = (patch: Partial<Draft>) => setDraft((before) => ({ ...before, ...patch }));
  const text = (id: "name" | "tags" | "pattern" | "labels" | "least" | "most") => ({
    value: draft[id],
    autoComplete: "off",
    spellCheck: false,
    onChange: (event: { target: { value: string } }) => set({ [id]: event.target.value }),
  });
  return (
    <FormDialog
      as="sheet"
      title={rule ? t("tags:editRule") : t("tags:newRule")}
      lead={t("tags:newRuleLead")}
      verb={t("shell:save")}
      save={async () => {
        const path = { project_id: project.id, rule: draft.name.trim() };
        await data(tagRuleSet({ path, body: bodyOf(draft) }));
        await queries.invalidateQueries({ queryKey: ["tag_rules"] });
      }}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          {!rule && (
            <Field label={t("tags:ruleName")} error={wrong.rule ?? wrong.name}>
              {(given) => <Input {...given} {...text("name")} required autoFocus maxLength={63} />}
            </Field>
          )}
          <Field label={t("tags:puts")} hint={t("tags:commas")} error={wrong.tags}>
            {(given) => <Input {...given} {...text("tags")} required />}
          </Field>
          <p className="font-semibold text-sm">{t("tags:conditions")}</p>
          <Ticks
            label={t("tags:engines")}
            options={engines.map(({ name, title }) => ({ value: name, label: title }))}
            chosen={draft.engines}
            onChange={(chosen) => set({ engines: chosen })}
          />
          <Ticks
            label={t("tags:triggers")}
            options={TRIGGERS.map((value) => ({
              value,
              label: t(`snapshots:triggers.${value}`, { defaultValue: value }),
            }))}
            chosen={draft.triggers}
            onChange={(chosen) => set({ triggers: chosen })}
          />
          <Field label={t("tags:pattern")} hint={t("tags:patternHint")} error={wrong["conditions.pattern"]}>
            {(given) => <Input {...given} {...text("pattern")} />}
          </Field>
          <Field label={t("tags:labels")} hint={t("tags:labelsHint")} error={wrong["conditions.labels"]}>
            {(given) => <Input {...given} {...text("labels")} />}
          </Field>
          <div className="grid grid-cols-2 gap-3">
            <Field label={t("tags:least")} error={wrong["conditions.least_bytes"]}>
              {(given) => <Input {...given} {...text("least")} inputMode="decimal" />}
            </Field>
            <Field label={t("tags:most")} error={wrong["conditions.most_bytes"]}>
              {(given) => <Input {...given} {...text("most")} inputMode="decimal" />}
            </Field>
          </div>
          <Switch
            title={t("tags:enabled")}
            lead={t("tags:enabledLead")}
            checked={draft.enabled}
            onChange={(enabled) => set({ enabled })}
          />
        </>
      )}
    </FormDialog>
  );
}

interface TicksProps {
  label: string;
  options: readonly { value: string; label: string }[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}

function Ticks({ label, options, chosen, onChange }: TicksProps) {
  return (
    <fieldset>
      <legend className="mb-1 font-medium text-xs">{label}</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-1">
        {options.map((each) => (
          <label key={each.value} className="flex min-h-6 items-center gap-2">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={chosen.includes(each.value)}
              onChange={(event) =>
                onChange(
                  event.target.checked ? [...chosen, each.value] : chosen.filter((value) => value !== each.value),
                )
              }
            />
            {each.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
