import { useMutation, useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type PlanOut, planCreate, planUpdate, repositoryList } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { useGo } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { bodyOf, type Draft, draftOf, fresh, KEEP, schedule, zone } from "./draft";
import { ScheduleEditor } from "./ScheduleEditor";

const WHICH = ["all", "labels", "names"] as const;
const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone")];

/** Makes a plan, or changes one. Whoever changed it meanwhile is not overwritten: the server refuses by its version. */
export function PlanForm({ plan, onClose }: { plan?: PlanOut; onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const { project, environments } = useScope();
  const [draft, setDraft] = useState<Draft>(() => (plan ? draftOf(plan) : fresh()));
  const [typed, setTyped] = useState("");
  const [key] = useState(once);
  const { data: repositories } = useQuery({
    queryKey: ["repositories", "all", plan?.project_id ?? project?.id],
    queryFn: async () =>
      (await data(repositoryList({ query: { project_id: plan?.project_id ?? project?.id, limit: 200 } }))).items,
    enabled: Boolean(plan ?? project),
  });
  const set = (patch: Partial<Draft>) => setDraft((before) => ({ ...before, ...patch }));
  const save = useMutation({
    mutationFn: () =>
      plan
        ? data(
            planUpdate({
              path: { plan_id: plan.id },
              body: { ...bodyOf(draft), ...(typed && { confirm: typed }) },
              headers: { "If-Match": `"v${plan.version}"` },
            }),
          )
        : data(planCreate({ path: { project_id: project?.id ?? "" }, body: bodyOf(draft), headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (saved) => {
      queries.setQueryData(["plans", saved.id], saved);
      void queries.invalidateQueries({ queryKey: ["plans"] });
      onClose();
      if (!plan) go(`/plans/${saved.id}`);
    },
  });
  const error = save.error ? asError(save.error) : null;
  const wrong = error?.fields ?? {};
  const asksName = plan && (typed !== "" || /confirm/.test(`${error?.code} ${error?.message} ${error?.hint}`));
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={plan ? t("plans:edit") : t("plans:new")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="plan-form" busy={save.isPending}>
            {plan ? t("shell:save") : t("plans:create")}
          </Button>
        </>
      }
    >
      <datalist id="zones">
        {ZONES.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <form
        id="plan-form"
        className="grid gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Field label={t("plans:name")} error={wrong.name}>
          {(given) => (
            <Input
              {...given}
              required
              autoFocus={!plan}
              autoComplete="off"
              spellCheck={false}
              maxLength={63}
              value={draft.name}
              onChange={(event) => set({ name: event.target.value })}
            />
          )}
        </Field>
        <Group title={t("plans:what")}>
          <Field label={t("plans:which")} error={wrong.selection}>
            {(given) => (
              <Select
                {...given}
                value={draft.which}
                onChange={(event) => set({ which: event.target.value as Draft["which"] })}
              >
                {WHICH.map((each) => (
                  <option key={each} value={each}>
                    {t(`plans:selections.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          {draft.which !== "all" && (
            <Field label={t(`plans:${draft.which}`)} hint={t(`plans:${draft.which}Hint`)}>
              {(given) => (
                <Input
                  {...given}
                  required
                  autoComplete="off"
                  spellCheck={false}
                  value={draft[draft.which as "labels" | "names"]}
                  onChange={(event) => set({ [draft.which]: event.target.value })}
                />
              )}
            </Field>
          )}
          {environments.length > 1 && (
            <fieldset className="grid gap-1">
              <legend className="mb-1 font-medium text-xs">{t("plans:environments")}</legend>
              {environments.map((each) => (
                <label key={each.id} className="flex items-center gap-2">
                  <input
                    type="checkbox"
                    className="size-4 accent-accent"
                    checked={draft.environments.includes(each.id)}
                    onChange={(event) =>
                      set({
                        environments: event.target.checked
                          ? [...draft.environments, each.id]
                          : draft.environments.filter((id) => id !== each.id),
                      })
                    }
                  />
                  {each.name}
                </label>
              ))}
              <p className="text-muted text-xs">{t("plans:environmentsHint")}</p>
            </fieldset>
          )}
        </Group>
        <Group title={t("plans:when")}>
          {draft.schedules.map((each) => (
            <ScheduleEditor
              key={each.key}
              value={each}
              onChange={(next) =>
                set({ schedules: draft.schedules.map((other) => (other.key === each.key ? next : other)) })
              }
              onRemove={() =>
                set({
                  schedules: draft.schedules.filter(({ key }) => key !== each.key),
                  rest: {
                    ...draft.rest,
                    schedules: draft.rest.schedules.filter((_, at) => draft.schedules[at] !== each),
                  },
                })
              }
            />
          ))}
          {draft.schedules.length === 0 && <p className="text-muted text-sm">{t("plans:noSchedule")}</p>}
          {wrong.schedules && <p className="text-bad text-xs">{wrong.schedules}</p>}
          <div>
            <Button
              size="small"
              icon={<Plus />}
              onClick={() => set({ schedules: [...draft.schedules, schedule("0 2 * * *", zone())] })}
            >
              {t("plans:addSchedule")}
            </Button>
          </div>
        </Group>
        <Group title={t("plans:where")}>
          <Field label={t("plans:repository")}>
            {(given) => (
              <Select {...given} value={draft.repository} onChange={(event) => set({ repository: event.target.value })}>
                <option value="">{t("plans:defaultRepository")}</option>
                {(repositories ?? []).map((each) => (
                  <option key={each.id} value={each.id}>
                    {each.name}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </Group>
        <Group title={t("plans:howLong")}>
          <label className="flex items-center gap-2">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={draft.keeps}
              onChange={(event) => set({ keeps: event.target.checked })}
            />
            {t("plans:thinOut")}
          </label>
          {draft.keeps ? (
            <div className="grid grid-cols-3 gap-2">
              {KEEP.map((rule) => (
                <NumberField
                  key={rule}
                  label={t(`plans:keep.${rule}`)}
                  value={draft.keep[rule]}
                  onChange={(value) => set({ keep: { ...draft.keep, [rule]: value } })}
                />
              ))}
              <NumberField
                label={t("plans:minimum")}
                value={draft.minimum}
                low={1}
                onChange={(minimum) => set({ minimum })}
              />
            </div>
          ) : (
            <p className="text-muted text-xs">{t("plans:keepAll")}</p>
          )}
        </Group>
        <details className="border-t pt-3">
          <summary className="font-medium text-muted text-xs hover:text-text">{t("plans:more")}</summary>
          <div className="mt-3 grid grid-cols-3 items-end gap-2">
            <NumberField
              label={t("plans:concurrency")}
              value={draft.concurrency}
              low={1}
              onChange={(concurrency) => set({ concurrency })}
            />
            <NumberField
              label={t("plans:deadline")}
              value={draft.deadlineHours}
              step="any"
              onChange={(deadlineHours) => set({ deadlineHours })}
            />
            <NumberField
              label={t("plans:gap")}
              value={draft.gapHours}
              step="any"
              onChange={(gapHours) => set({ gapHours })}
            />
          </div>
        </details>
        {error && <ErrorText error={error} />}
        {asksName && (
          <Field label={t("shell:typeName", { name: plan.name })}>
            {(given) => (
              <Input
                {...given}
                autoComplete="off"
                spellCheck={false}
                className="font-mono"
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
              />
            )}
          </Field>
        )}
      </form>
    </Dialog>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="grid gap-3 border-t pt-4">
      <h3 className="font-semibold text-sm">{title}</h3>
      {children}
    </section>
  );
}

interface NumberProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  low?: number;
  step?: string;
}

function NumberField({ label, value, onChange, low = 0, step }: NumberProps) {
  return (
    <Field label={label}>
      {(given) => (
        <Input
          {...given}
          type="number"
          min={low}
          step={step}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
