import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  alertEventTypes,
  alertRuleCreate,
  alertRuleDelete,
  alertRuleUpdate,
  type HoldfastFeaturesAlertsWireRuleOut as RuleOut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { Segments } from "@/parts/Setting";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useNames } from "../../activity/useNames";
import { useChannels } from "../../alerts/useChannels";
import { Severity, useTypeTitle } from "../../alerts/words";
import { freshRule, GRAVE, MODES, type Mode, newRule, patchOf, type RuleDraft, ruleDraftOf } from "./ruleDraft";
import { Ticks } from "./Ticks";

/** Makes a rule, or changes one; where it counts is chosen once. */
export function RuleForm({ rule, onClose }: { rule?: RuleOut; onClose: () => void }) {
  const { t } = useTranslation();
  const { project } = useScope();
  const [draft, setDraft] = useState<RuleDraft>(() => (rule ? ruleDraftOf(rule) : freshRule(project?.id ?? "")));
  const [deleting, setDeleting] = useState(false);
  const [key] = useState(once);
  const set = (patch: Partial<RuleDraft>) => setDraft((before) => ({ ...before, ...patch }));
  const done = () => {
    void queries.invalidateQueries({ queryKey: ["alert_rules"] });
    onClose();
  };
  const save = useMutation({
    mutationFn: () =>
      rule
        ? data(
            alertRuleUpdate({
              path: { rule_id: rule.id },
              body: patchOf(draft),
              headers: { "If-Match": `"v${rule.version}"` },
            }),
          )
        : data(alertRuleCreate({ body: newRule(draft), headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: done,
  });
  const error = save.error ? asError(save.error) : null;
  return (
    <Dialog
      as="sheet"
      open
      onOpenChange={onClose}
      title={rule ? t("alerts:editRule", { name: rule.name }) : t("alerts:newRule")}
      lead={t("alerts:ruleLead")}
      foot={
        <>
          {rule && (
            <Button className="mr-auto" look="quiet" onClick={() => setDeleting(true)}>
              {t("alerts:deleteRule")}
            </Button>
          )}
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" busy={save.isPending} disabled={!draft.name.trim()} onClick={() => save.mutate()}>
            {t(rule ? "shell:save" : "alerts:createRule")}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (draft.name.trim()) save.mutate();
        }}
      >
        <Field label={t("alerts:name")} error={error?.fields.name ?? null}>
          {(given) => (
            <Input {...given} maxLength={63} value={draft.name} onChange={(e) => set({ name: e.target.value })} />
          )}
        </Field>
        <div className="grid justify-items-start gap-1">
          <span className="font-medium text-xs">{t("alerts:mode")}</span>
          <Segments
            label={t("alerts:mode")}
            value={draft.mode}
            onChange={(mode) => set({ mode: mode as Mode })}
            options={MODES.map((value) => ({ value, label: t(`alerts:modes.${value}`) }))}
          />
        </div>
        <Which draft={draft} set={set} />
        {!rule && <Where draft={draft} set={set} />}
        <How draft={draft} set={set} />
        {error && <ErrorText error={error} />}
        <button type="submit" hidden />
      </form>
      {rule && (
        <Confirm
          open={deleting}
          onOpenChange={setDeleting}
          danger
          title={t("alerts:deleteRuleTitle", { name: rule.name })}
          lead={t("alerts:deleteRuleLead")}
          verb={t("alerts:deleteRule")}
          name={rule.name}
          act={async () => {
            await data(alertRuleDelete({ path: { rule_id: rule.id }, body: { confirm: rule.name } }));
            done();
          }}
        />
      )}
    </Dialog>
  );
}

interface PartProps {
  draft: RuleDraft;
  set: (patch: Partial<RuleDraft>) => void;
}

function Which({ draft, set }: PartProps) {
  const { t } = useTranslation();
  const title = useTypeTitle();
  const channels = useChannels();
  const { data: types } = useQuery({
    queryKey: ["alert-event-types"],
    queryFn: async () => (await data(alertEventTypes())).items,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <>
      <Ticks
        title={t("alerts:events")}
        none={t("alerts:everything")}
        picked={draft.events}
        onChange={(events) => set({ events })}
        options={(types ?? []).map(({ type, severity }) => ({
          value: type,
          label: title(type),
          aside: <Severity severity={severity} />,
        }))}
      />
      {channels.length > 0 && (
        <Ticks
          title={t("alerts:channels")}
          none={t("alerts:everyChannel")}
          picked={draft.channels}
          onChange={(channels) => set({ channels })}
          options={channels.map(({ id, name }) => ({ value: id, label: name }))}
        />
      )}
    </>
  );
}

function Where({ draft, set }: PartProps) {
  const { t } = useTranslation();
  const { projects, environments, project } = useScope();
  const names = useNames(draft.project ? { project_id: draft.project } : null);
  return (
    <div className="grid grid-cols-2 items-start gap-3 *:min-w-0">
      <Field label={t("alerts:where")}>
        {(given) => (
          <Select
            {...given}
            value={draft.project}
            onChange={(e) => set({ project: e.target.value, environment: "", resource: "" })}
          >
            {projects.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
            <option value="">{t("alerts:wholeServer")}</option>
          </Select>
        )}
      </Field>
      {draft.project !== "" && draft.project === project?.id && (
        <Field label={t("shell:environment")}>
          {(given) => (
            <Select {...given} value={draft.environment} onChange={(e) => set({ environment: e.target.value })}>
              <option value="">{t("shell:allEnvironments")}</option>
              {environments.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
      {names.size > 0 && (
        <Field label={t("alerts:database")}>
          {(given) => (
            <Select {...given} value={draft.resource} onChange={(e) => set({ resource: e.target.value })}>
              <option value="">{t("alerts:everyDatabase")}</option>
              {[...names].map(([id, name]) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
    </div>
  );
}

function How({ draft, set }: PartProps) {
  const { t } = useTranslation();
  return (
    <div className="grid grid-cols-2 items-start gap-3 *:min-w-0">
      <Field label={t("alerts:severity")}>
        {(given) => (
          <Select {...given} value={draft.severity} onChange={(e) => set({ severity: e.target.value })}>
            <option value="">{t("alerts:asShipped")}</option>
            {GRAVE.map((each) => (
              <option key={each} value={each}>
                {t(`alerts:severities.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field label={t("alerts:threshold")} hint={t("alerts:thresholdHint")} aside={t("shell:optional")}>
        {(given) => (
          <Input
            {...given}
            type="number"
            min={1}
            value={draft.threshold}
            onChange={(e) => set({ threshold: e.target.value })}
          />
        )}
      </Field>
      <Field label={t("alerts:labels")} hint={t("alerts:labelsHint")} aside={t("shell:optional")}>
        {(given) => <Input {...given} value={draft.labels} onChange={(e) => set({ labels: e.target.value })} />}
      </Field>
      <Field label={t("alerts:until")} hint={t("alerts:untilHint")} aside={t("shell:optional")}>
        {(given) => (
          <Input
            {...given}
            type="datetime-local"
            value={draft.until}
            onChange={(e) => set({ until: e.target.value })}
          />
        )}
      </Field>
      <label className="col-span-2 flex items-center gap-2">
        <input
          type="checkbox"
          className="size-4 accent-accent"
          checked={draft.enabled}
          onChange={(e) => set({ enabled: e.target.checked })}
        />
        {t("alerts:counts")}
      </label>
    </div>
  );
}
