import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type EnvironmentOut, environmentCreate, environmentUpdate, type ProjectOut } from "@/api";
import { Field, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { Switch } from "../Switch";
import { ColourField } from "./ColourField";

const KINDS = ["development", "staging", "production"] as const;
type Kind = (typeof KINDS)[number];
const SHIPPED: Record<Kind, string> = { development: "green", staging: "yellow", production: "red" };

interface Props {
  /** In which one is made. */
  project?: ProjectOut;
  /** Which one is changed. Its kind stays: production must stay guarded as production. */
  environment?: EnvironmentOut;
  onClose: () => void;
}

export function EnvironmentForm({ project, environment, onClose }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const scope = useScope();
  const [name, setName] = useState(environment?.name ?? "");
  const [kind, setKind] = useState<Kind>(environment?.kind ?? "development");
  const [colour, setColour] = useState(environment?.colour ?? "");
  const [restores, setRestores] = useState(environment?.restore_allowed ?? false);
  const [masking, setMasking] = useState(environment?.masking_required ?? false);
  const [key] = useState(once);

  async function change(of: EnvironmentOut) {
    const body = {
      ...(name !== of.name && { name }),
      ...(colour !== of.colour && { colour }),
      ...(restores !== of.restore_allowed && { restore_allowed: restores }),
      ...(masking !== of.masking_required && { masking_required: masking }),
    };
    if (Object.keys(body).length === 0) return;
    await data(
      environmentUpdate({ path: { environment_id: of.id }, body, headers: { "If-Match": `"v${of.version}"` } }),
    );
  }
  async function make(inside: ProjectOut) {
    const made = await data(environmentCreate({ path: { project_id: inside.id }, body: { name, kind }, headers: key }));
    if (!colour || colour === made.colour) return;
    await data(
      environmentUpdate({
        path: { environment_id: made.id },
        body: { colour },
        headers: { "If-Match": `"v${made.version}"` },
      }),
    );
  }
  async function save() {
    if (environment) await change(environment);
    else if (project) await make(project);
    await queries.invalidateQueries({ queryKey: ["projects"] });
    if (!environment || scope.environment?.id === environment.id) scope.choose(scope.project?.name ?? null, name);
  }
  return (
    <FormDialog
      as="sheet"
      title={environment ? t("projects:editEnvironment") : t("projects:newEnvironment")}
      lead={environment ? undefined : t("projects:newEnvironmentLead")}
      verb={environment ? t("shell:save") : t("projects:createEnvironment")}
      save={save}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <NameField label={t("projects:name")} error={wrong.name} value={name} onChange={setName} />
          {!environment && (
            <Field label={t("projects:kind")} hint={t("projects:kindHint")} error={wrong.kind}>
              {(given) => (
                <Select {...given} value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
                  {KINDS.map((each) => (
                    <option key={each} value={each}>
                      {t(`projects:kinds.${each}`)}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          <ColourField value={colour || SHIPPED[kind]} onChange={setColour} />
          {environment?.kind === "production" && (
            <>
              <Switch
                title={t("projects:restores")}
                lead={t("projects:restoresLead")}
                checked={restores}
                onChange={setRestores}
              />
              {can("masking.write") && (
                <Switch
                  title={t("projects:mustMask")}
                  lead={t("projects:mustMaskLead")}
                  checked={masking}
                  onChange={setMasking}
                />
              )}
            </>
          )}
        </>
      )}
    </FormDialog>
  );
}
