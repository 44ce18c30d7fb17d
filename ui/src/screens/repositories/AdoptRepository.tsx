import { useState } from "react";
import { useTranslation } from "react-i18next";
import { repositoryAdopt } from "@/api";
import { Area, Field, Select } from "@/parts/Field";
import { NameField } from "@/parts/NameField";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { KindField, StoreFields } from "./PlaceFields";
import { type Kind, placeOf, STORES } from "./stores";
import { Plain, TaskSheet } from "./TaskSheet";

/** A repository that is there already, of stock restic or another Holdfast, with its password. */
export function AdoptRepository({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { project, environment, environments } = useScope();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<Kind>("local");
  const [given, setGiven] = useState<Record<string, string>>({});
  const [password, setPassword] = useState("");
  const [chosen, setChosen] = useState("");
  const where = chosen || environment?.id || environments[0]?.id || "";
  // Where it lies is all there is to go by: a folder has no usual place here.
  const fields = STORES[kind].map((field) => (kind === "local" ? { ...field, optional: false } : field));
  return (
    <TaskSheet
      title={t("repositories:adopt")}
      lead={t("repositories:adoptLead")}
      verb={t("repositories:adopt")}
      begin={() =>
        data(
          repositoryAdopt({
            body: { ...placeOf(kind, given), name, password, project_id: project?.id ?? "", environment_id: where },
          }),
        )
      }
      outcome={(run) => <Plain result={run.result ?? {}} />}
      onClose={onClose}
    >
      <NameField label={t("repositories:name")} value={name} onChange={setName} />
      <KindField kind={kind} onChange={setKind} />
      <StoreFields key={kind} fields={fields} given={given} onChange={setGiven} />
      <Field label={t("repositories:password")} hint={t("repositories:adoptPassword")}>
        {(control) => (
          <Area
            {...control}
            className="min-h-9 font-mono text-xs"
            rows={1}
            spellCheck={false}
            autoComplete="off"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      <EnvironmentField value={where} onChange={setChosen} />
    </TaskSheet>
  );
}

export function EnvironmentField({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const { t } = useTranslation();
  const { environments } = useScope();
  return (
    <Field label={t("shell:environment")} hint={t("repositories:adoptWhere")}>
      {(control) => (
        <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          {environments.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
