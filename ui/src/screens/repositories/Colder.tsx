import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type ColderOut,
  type ColderRuleIn,
  type RepositoryOut,
  repositoryColderMove,
  repositoryColderSet,
} from "@/api";
import { Button } from "@/parts/Button";
import { Checkbox } from "@/parts/Checkbox";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { Section } from "@/parts/Page";
import { bytes, count } from "@/parts/text";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { TaskSheet } from "./TaskSheet";

interface Props {
  repository: RepositoryOut;
  colder: ColderOut;
}

/** What only old snapshots need goes to a class that costs less to keep and more to read. Only buckets of S3 have them. */
export function Colder({ repository, colder }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const [moving, setMoving] = useState(false);
  if (colder.classes.length === 0)
    return (
      <Section title={t("savings:colder")}>
        <p className="text-muted">{t("savings:noClasses")}</p>
      </Section>
    );
  const rule = colder.rule;
  return (
    <Section
      title={t("savings:colder")}
      aside={
        can("repository.gc") && (
          <Button size="small" onClick={() => setMoving(true)}>
            {t("savings:move")}
          </Button>
        )
      }
    >
      <p className="mb-3 max-w-prose text-muted">
        {rule ? t(`savings:rule.${rule.by}`, { days: rule.after_days, to: rule.storage_class }) : t("savings:noRule")}
      </p>
      {can("repository.update") && <RuleForm repository={repository} colder={colder} />}
      {moving && <MoveSheet repository={repository} onClose={() => setMoving(false)} />}
    </Section>
  );
}

function RuleForm({ repository, colder }: Props) {
  const { t } = useTranslation();
  const classes = colder.classes.slice(1);
  const [rule, setRule] = useState<ColderRuleIn>(
    colder.rule
      ? { ...colder.rule, by: colder.rule.by as "holdfast" | "store" }
      : {
          after_days: 90,
          storage_class: classes.includes("GLACIER_IR") ? "GLACIER_IR" : (classes[0] ?? ""),
          by: "holdfast",
        },
  );
  const save = useMutation({
    mutationFn: (wanted: ColderRuleIn | null) =>
      data(repositoryColderSet({ path: { repository_id: repository.id }, body: { rule: wanted } })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["repositories"] }),
  });
  const days = (name: "after_days" | "old_versions_days" | "parts_days", optional: boolean) => (
    <div className="w-44">
      <Field label={t(`savings:${name}`)} aside={optional ? t("shell:optional") : undefined}>
        {(given) => (
          <Input
            {...given}
            type="number"
            min={1}
            required={!optional}
            value={rule[name] ?? ""}
            onChange={(event) =>
              setRule({ ...rule, [name]: event.target.value === "" && optional ? null : Number(event.target.value) })
            }
          />
        )}
      </Field>
    </div>
  );
  return (
    <form
      className="grid gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(rule.by === "store" ? rule : { ...rule, old_versions_days: null, parts_days: null });
      }}
    >
      <div className="flex flex-wrap items-end gap-3">
        {days("after_days", false)}
        <div className="w-44">
          <Field label={t("savings:class")}>
            {(given) => (
              <Select
                {...given}
                value={rule.storage_class}
                onChange={(event) => setRule({ ...rule, storage_class: event.target.value })}
              >
                {classes.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        {repository.format === "plain" && (
          <div className="w-44">
            <Field label={t("savings:by")}>
              {(given) => (
                <Select
                  {...given}
                  value={rule.by ?? "holdfast"}
                  onChange={(event) => setRule({ ...rule, by: event.target.value as "holdfast" | "store" })}
                >
                  <option value="holdfast">Holdfast</option>
                  <option value="store">{t("savings:theStore")}</option>
                </Select>
              )}
            </Field>
          </div>
        )}
        {rule.by === "store" && days("old_versions_days", true)}
        {rule.by === "store" && days("parts_days", true)}
        <Button type="submit" busy={save.isPending}>
          {t("shell:save")}
        </Button>
        {colder.rule && (
          <Button look="quiet" busy={save.isPending} onClick={() => save.mutate(null)}>
            {t("savings:off")}
          </Button>
        )}
      </div>
      {rule.by === "store" && (
        <p className="max-w-prose rounded-md bg-warn-soft px-3 py-2 text-warn text-xs">{t("savings:storeWarns")}</p>
      )}
      {save.error && <ErrorText error={asError(save.error)} />}
    </form>
  );
}

function MoveSheet({ repository, onClose }: { repository: RepositoryOut; onClose: () => void }) {
  const { t } = useTranslation();
  const [dry, setDry] = useState(true);
  const [back, setBack] = useState(false);
  return (
    <TaskSheet
      title={t("savings:move")}
      lead={t("savings:moveLead")}
      verb={t(dry ? "repositories:dryRun" : "savings:move")}
      begin={() => data(repositoryColderMove({ path: { repository_id: repository.id }, body: { dry_run: dry, back } }))}
      outcome={(run, again) => (
        <div className="grid justify-items-start gap-2">
          <p>
            {t(run.result?.dry_run ? "savings:wouldMove" : "savings:moved", {
              pieces: count(Number(run.result?.pieces ?? 0)),
              size: bytes(Number(run.result?.bytes ?? 0)),
            })}
          </p>
          {run.result?.store_rules === "missing" && <p className="font-medium text-bad">{t("savings:rulesMissing")}</p>}
          {Boolean(run.result?.dry_run) && (
            <Button
              onClick={() => {
                setDry(false);
                again();
              }}
            >
              {t("repositories:nowReally")}
            </Button>
          )}
        </div>
      )}
      onClose={onClose}
    >
      <Checkbox label={t("repositories:dryFirst")} checked={dry} onChange={setDry} />
      <Checkbox label={t("savings:back")} hint={t("savings:backHint")} checked={back} onChange={setBack} />
    </TaskSheet>
  );
}
