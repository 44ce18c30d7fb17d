import { useState } from "react";
import { useTranslation } from "react-i18next";
import { fileKeyCreate } from "@/api";
import { Field, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { EnvironmentField, NameField } from "@/parts/NameField";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { KeyFields } from "./KeyFields";
import { bodyOf, KINDS, type Kind } from "./kinds";

interface Props {
  project: string;
  onClose: () => void;
  onMade: (id: string) => void;
}

/** A key of any kind. A service is tried before anything is kept; what a key is never changes afterwards. */
export function CreateFileKey({ project, onClose, onMade }: Props) {
  const { t } = useTranslation();
  const { environments } = useScope();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<Kind>("age-identity");
  const [environment, setEnvironment] = useState("");
  const [given, setGiven] = useState<Record<string, string>>({});
  const [key] = useState(once);
  async function create() {
    const body = { name, kind, environment_id: environment || null, ...bodyOf(kind, given) };
    const made = await data(fileKeyCreate({ path: { project_id: project }, body, headers: key }));
    void queries.invalidateQueries({ queryKey: ["file_keys"] });
    onMade(made.id);
  }
  return (
    <FormDialog
      as="sheet"
      title={t("filekeys:new")}
      lead={t("filekeys:newLead")}
      verb={t("filekeys:create")}
      save={create}
      onClose={onClose}
    >
      <NameField label={t("filekeys:name")} value={name} onChange={setName} />
      <Field label={t("filekeys:kind")} hint={t(`filekeys:kindHints.${kind}`)}>
        {(control) => (
          <Select {...control} value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
            {(Object.keys(KINDS) as Kind[]).map((each) => (
              <option key={each} value={each}>
                {t(`filekeys:kinds.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <KeyFields key={kind} fields={KINDS[kind]} given={given} onChange={setGiven} />
      <EnvironmentField
        environments={environments}
        value={environment}
        onChange={setEnvironment}
        hint={t("filekeys:environmentHint")}
      />
    </FormDialog>
  );
}
