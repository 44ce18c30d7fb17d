import { useQuery } from "@tanstack/react-query";
import { Braces, KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type EffectiveOut,
  workerEnv,
  workerSecretDelete,
  workerSecretList,
  workerSecretPut,
  workerVarDelete,
  workerVarPut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Entries } from "@/parts/Entries";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Area, Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { Section } from "@/parts/Page";
import { Badge, Empty, Skeleton, Time } from "@/parts/small";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";
import { stale } from "../useWorker";
import { meantValue, shownValue } from "./lists";
import { NamedEntry } from "./NamedEntry";
import { Outer } from "./Outer";

/** What its code finds in `env`: by name, and from which level. The nearest wins. */
export function Variables({ worker }: TabProps) {
  const can = useCan();
  return (
    <>
      <Vars worker={worker} />
      {can("secret.read") && <Secrets worker={worker} />}
      <Outer worker={worker} />
    </>
  );
}

function Vars({ worker }: TabProps) {
  const { t } = useTranslation();
  const able = useCan()("worker.update");
  const [editing, setEditing] = useState<{ name: string; value: unknown } | "new" | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["workers", worker.id, "env"],
    queryFn: () => data(workerEnv({ path: { worker_id: worker.id } })),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const vars = found?.filter(({ kind }) => kind === "var");
  const add = able && (
    <Button size={vars?.length ? "small" : "usual"} icon={<Plus />} onClick={() => setEditing("new")}>
      {t("workers:newVariable")}
    </Button>
  );
  return (
    <Section title={t("workers:variables")} aside={vars && vars.length > 0 && add}>
      {!found && <Skeleton className="h-10" />}
      {vars?.length === 0 && (
        <Empty icon={<Braces />} title={t("workers:noVariables")} lead={t("workers:noVariablesLead")} action={add} />
      )}
      <Entries label={t("workers:variables")}>
        {vars?.map((each) => (
          <NamedEntry
            key={each.name}
            name={each.name}
            state={<Level of={each} />}
            lead={<Shown value={each.value} />}
            verb={each.level === "worker" ? "change" : "override"}
            onEdit={able && (() => setEditing(each))}
            onForget={able && each.level === "worker" && (() => setRemoving(each.name))}
          />
        ))}
      </Entries>
      {editing && (
        <VariableDialog
          given={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
          save={async (name, value) => {
            await data(workerVarPut({ path: { worker_id: worker.id, name }, body: { value } }));
            stale(worker.id);
          }}
        />
      )}
      <Confirm
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        danger
        title={t("workers:forgetTitle", { name: removing })}
        lead={t("workers:forgetLead")}
        verb={t("workers:forget")}
        act={async () => {
          if (removing) await data(workerVarDelete({ path: { worker_id: worker.id, name: removing } }));
          stale(worker.id);
        }}
      />
    </Section>
  );
}

/** A value as an entry has it: two lines of it at most. */
export function Shown({ value }: { value: unknown }) {
  return <code className="line-clamp-2 break-all font-mono">{shownValue(value)}</code>;
}

function Level({ of }: { of: EffectiveOut }) {
  const { t } = useTranslation();
  return <Badge tone={of.level === "worker" ? "info" : "plain"}>{t(`workers:valueLevels.${of.level}`)}</Badge>;
}

interface VariableProps {
  /** null: a new one. */
  given: { name: string; value: unknown } | null;
  save: (name: string, value: unknown) => Promise<unknown>;
  onClose: () => void;
}

/** A name and a JSON value; text may be written without quotes. */
export function VariableDialog({ given, save, onClose }: VariableProps) {
  const { t } = useTranslation();
  const [name, setName] = useState(given?.name ?? "");
  const [text, setText] = useState(given ? shownValue(given.value) : "");
  return (
    <FormDialog
      title={given ? given.name : t("workers:newVariable")}
      lead={t("workers:variableLead")}
      verb={t("shell:save")}
      able={name.trim() !== ""}
      save={() => save(name.trim(), meantValue(text))}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          {!given && <NameField label={t("workers:name")} value={name} onChange={setName} error={wrong.name} />}
          <Field label={t("workers:value")} hint={t("workers:valueHint")} error={wrong.value ?? null}>
            {(field) => (
              <Area
                {...field}
                rows={5}
                spellCheck={false}
                className="font-mono"
                value={text}
                onChange={(event) => setText(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

function Secrets({ worker }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const able = can("worker.update") && can("secret.write");
  const [editing, setEditing] = useState<string | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["workers", worker.id, "secrets"],
    queryFn: () => data(workerSecretList({ path: { worker_id: worker.id } })),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const add = able && (
    <Button size={found?.length ? "small" : "usual"} icon={<Plus />} onClick={() => setEditing("")}>
      {t("workers:newSecret")}
    </Button>
  );
  return (
    <Section title={t("workers:secrets")} aside={found && found.length > 0 && add}>
      {!found && <Skeleton className="h-10" />}
      {found?.length === 0 && (
        <Empty icon={<KeyRound />} title={t("workers:noSecrets")} lead={t("workers:noSecretsLead")} action={add} />
      )}
      <Entries label={t("workers:secrets")}>
        {found?.map((each) => (
          <NamedEntry
            key={each.name}
            name={each.name}
            state={<Badge>{t("workers:secretVersion", { number: each.version })}</Badge>}
            lead={
              <>
                {t("workers:changedAt")} <Time at={each.updated_at} />
              </>
            }
            verb="replace"
            onEdit={able && (() => setEditing(each.name))}
            onForget={able && (() => setRemoving(each.name))}
          />
        ))}
      </Entries>
      {editing !== null && <SecretDialog worker={worker} name={editing} onClose={() => setEditing(null)} />}
      <Confirm
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        danger
        title={t("workers:destroyTitle", { name: removing })}
        lead={t("workers:destroyLead")}
        verb={t("workers:destroy")}
        act={async () => {
          if (removing) await data(workerSecretDelete({ path: { worker_id: worker.id, name: removing } }));
          stale(worker.id);
        }}
      />
    </Section>
  );
}

/** `name`: whose value is replaced; "" is a new one. */
function SecretDialog({ worker, name: given, onClose }: TabProps & { name: string; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState(given);
  const [value, setValue] = useState("");
  return (
    <FormDialog
      title={given || t("workers:newSecret")}
      lead={t("workers:secretLead")}
      verb={t("shell:save")}
      able={name.trim() !== "" && value !== ""}
      onClose={onClose}
      save={async () => {
        await data(workerSecretPut({ path: { worker_id: worker.id, name: name.trim() }, body: { value } }));
        stale(worker.id);
      }}
    >
      {(wrong) => (
        <>
          {!given && <NameField label={t("workers:name")} value={name} onChange={setName} error={wrong.name} />}
          <Field label={t("workers:value")} error={wrong.value ?? null}>
            {(field) => (
              <Input
                {...field}
                type="password"
                autoComplete="off"
                value={value}
                onChange={(event) => setValue(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </FormDialog>
  );
}
