import { useMutation, useQuery } from "@tanstack/react-query";
import { Pencil, Undo2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type RetentionOut,
  retentionOfEnvironment,
  retentionOfProject,
  retentionSetEnvironment,
  retentionSetProject,
} from "@/api";
import { Button } from "@/parts/Button";
import { Field, Input, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { Section } from "@/parts/Page";
import { Badge, Skeleton } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { Asked } from "../Asked";
import { bodyOf, type Draft, draftOf, type Policy, RULES, rulesOf } from "./policy";

const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone")];

/** Where a policy is set: what holds there, and how it is set or inherited again. */
interface Place {
  key: readonly string[];
  read: () => Promise<RetentionOut>;
  set: (policy: Policy | null, tz: string) => Promise<unknown>;
}

/** What databases keep that have no policy of their own: the project's, and one environment's. */
export default function Retention() {
  const { t } = useTranslation();
  const { project, environment, environments, choose } = useScope();
  const here = environment ?? environments[0];
  if (!project) return <Skeleton className="m-6 h-24" />;
  const path = { project_id: project.id };
  const inside = { environment_id: here?.id ?? "" };
  return (
    <>
      <p className="max-w-2xl px-4 pt-4 text-muted sm:px-6">{t("projects:retentionLead")}</p>
      <Kept
        key={project.id}
        title={t("projects:ofProject", { name: project.name })}
        place={{
          key: ["retentions", project.id],
          read: () => data(retentionOfProject({ path })),
          set: (policy, tz) => data(retentionSetProject({ path, body: { policy, tz } })),
        }}
      />
      {here && (
        <Kept
          key={here.id}
          title={t("projects:ofEnvironment")}
          chooser={
            <div className="w-40">
              <Select
                aria-label={t("shell:environment")}
                value={here.name}
                onChange={(event) => choose(project.name, event.target.value)}
              >
                {environments.map(({ id, name }) => (
                  <option key={id} value={name}>
                    {name}
                  </option>
                ))}
              </Select>
            </div>
          }
          place={{
            key: ["retentions", project.id, here.id],
            read: () => data(retentionOfEnvironment({ path: inside })),
            set: (policy, tz) => data(retentionSetEnvironment({ path: inside, body: { policy, tz } })),
          }}
        />
      )}
    </>
  );
}

function Kept({ title, place, chooser }: { title: string; place: Place; chooser?: React.ReactNode }) {
  const { t } = useTranslation();
  const can = useCan();
  const [editing, setEditing] = useState(false);
  const found = useQuery({ queryKey: place.key, queryFn: place.read });
  const able = can("retention.write");
  const again = () => queries.invalidateQueries({ queryKey: ["retentions"] });
  const back = useMutation({
    mutationFn: ({ policy, tz }: { policy: Policy | null; tz: string }) => place.set(policy, tz),
    networkMode: "always",
    onSuccess: async (_set, { policy }) => {
      const before = found.data;
      if (policy === null && before)
        toast.undo(t("projects:inheritsNow"), t("shell:undo"), () =>
          back.mutate({ policy: before.policy, tz: before.tz }),
        );
      await again();
    },
  });
  return (
    <Section
      title={title}
      aside={
        <div className="flex flex-wrap justify-end gap-1.5">
          {chooser}
          {able && found.data && !found.data.inherited && (
            <Button
              icon={<Undo2 />}
              busy={back.isPending}
              onClick={() => back.mutate({ policy: null, tz: found.data.tz })}
            >
              {t("projects:inherit")}
            </Button>
          )}
          {able && found.data && (
            <Button
              icon={<Pencil />}
              aria-label={`${t("projects:editRetention")}: ${title}`}
              onClick={() => setEditing(true)}
            >
              {t("projects:editRetention")}
            </Button>
          )}
        </div>
      }
    >
      <Asked of={found}>
        {(now) => (
          <>
            <Says policy={now.policy} tz={now.tz} />
            {now.inherited && (
              <p className="mt-2">
                <Badge>{t(`projects:from.${now.scope}`, { defaultValue: t("projects:from.default") })}</Badge>
              </p>
            )}
          </>
        )}
      </Asked>
      {editing && found.data && (
        <Editor
          title={title}
          of={found.data}
          save={async (policy, tz) => {
            await place.set(policy, tz);
            await again();
          }}
          onClose={() => setEditing(false)}
        />
      )}
    </Section>
  );
}

/** A policy in words: what stays of which span, and what stays whatever the rules say. */
function Says({ policy, tz }: { policy: Policy; tz: string }) {
  const { t } = useTranslation();
  const rules = rulesOf(policy);
  return (
    <ul className="grid max-w-2xl list-disc gap-0.5 pl-4">
      {rules.map(([rule, count]) => (
        <li key={rule}>{t(`projects:keeps.${rule}`, { count })}</li>
      ))}
      {rules.length === 0 && <li>{t("projects:keepsAll")}</li>}
      {policy.tags.length > 0 && <li>{t("projects:keepsTags", { list: policy.tags.join(", ") })}</li>}
      <li>{t("projects:keepsMinimum", { count: policy.minimum })}</li>
      <li className="text-muted">{t("projects:keepsZone", { tz })}</li>
    </ul>
  );
}

interface EditorProps {
  title: string;
  of: RetentionOut;
  save: (policy: Policy, tz: string) => Promise<void>;
  onClose: () => void;
}

function Editor({ title, of, save, onClose }: EditorProps) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState<Draft>(() => draftOf(of.policy));
  const [tz, setTz] = useState(of.tz);
  return (
    <FormDialog
      as="sheet"
      title={title}
      lead={t("projects:editRetentionLead")}
      verb={t("shell:save")}
      save={() => save(bodyOf(draft), tz)}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <div className="grid grid-cols-3 items-end gap-2">
            {RULES.map((rule) => (
              <Field key={rule} label={t(`projects:rules.${rule}`)} error={wrong[`policy.${rule}`]}>
                {(given) => (
                  <Input
                    {...given}
                    type="number"
                    min={0}
                    value={draft.rules[rule]}
                    onChange={(event) => setDraft({ ...draft, rules: { ...draft.rules, [rule]: event.target.value } })}
                  />
                )}
              </Field>
            ))}
            <Field label={t("plans:minimum")} error={wrong["policy.minimum"]}>
              {(given) => (
                <Input
                  {...given}
                  type="number"
                  required
                  min={1}
                  value={draft.minimum}
                  onChange={(event) => setDraft({ ...draft, minimum: event.target.value })}
                />
              )}
            </Field>
          </div>
          <Field label={t("projects:keepTags")} hint={t("projects:keepTagsHint")} error={wrong["policy.tags"]}>
            {(given) => (
              <Input
                {...given}
                autoComplete="off"
                spellCheck={false}
                value={draft.tags}
                onChange={(event) => setDraft({ ...draft, tags: event.target.value })}
              />
            )}
          </Field>
          <Field label={t("plans:tz")} error={wrong.tz}>
            {(given) => (
              <>
                <Input {...given} required list="zones" value={tz} onChange={(event) => setTz(event.target.value)} />
                <datalist id="zones">
                  {ZONES.map((each) => (
                    <option key={each} value={each} />
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <div className="rounded-lg bg-sunken p-3" aria-live="polite">
            <Says policy={bodyOf(draft)} tz={tz} />
          </div>
        </>
      )}
    </FormDialog>
  );
}
