import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type FilesIn, repositoryCreate } from "@/api";
import { FormDialog } from "@/parts/FormDialog";
import { EnvironmentField, NameField } from "@/parts/NameField";
import { useGo } from "@/shell/address";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { FilesFields } from "./FilesFields";
import { KindField, StoreFields } from "./PlaceFields";
import { type Kind, placeOf, STORES } from "./stores";

/** A place for snapshots, with a password of its own that Holdfast makes. */
export function CreateRepository({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const { project, environments } = useScope();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<Kind>("local");
  const [environment, setEnvironment] = useState("");
  const [isDefault, setDefault] = useState(false);
  const [given, setGiven] = useState<Record<string, string>>({});
  const [files, setFiles] = useState<FilesIn | null>(null);
  const [key] = useState(once);
  async function create() {
    const body = {
      name,
      project_id: project?.id ?? "",
      environment_id: environment || null,
      is_default: isDefault,
      ...placeOf(kind, given),
      ...(files && { format: "plain" as const, files }),
    };
    const made = await data(repositoryCreate({ body, headers: key }));
    void queries.invalidateQueries({ queryKey: ["repositories"] });
    go(`/repositories/${made.id}`);
  }
  return (
    <FormDialog
      as="sheet"
      title={t("repositories:new")}
      lead={t("repositories:newLead")}
      verb={t("repositories:create")}
      save={create}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <NameField label={t("repositories:name")} error={wrong.name} value={name} onChange={setName} />
          <KindField kind={kind} onChange={setKind} />
          <StoreFields key={kind} fields={STORES[kind]} given={given} onChange={setGiven} wrong={ofKind(wrong, kind)} />
          <FilesFields files={files} onChange={setFiles} project={project?.id} />
          <EnvironmentField
            environments={environments}
            value={environment}
            onChange={setEnvironment}
            hint={t("repositories:environmentHint")}
          />
          <label className="flex items-center gap-2">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={isDefault}
              onChange={(event) => setDefault(event.target.checked)}
            />
            {t("repositories:makeDefault")}
          </label>
        </>
      )}
    </FormDialog>
  );
}

/** What is wrong with the place's own fields, which the server names with its kind before them. */
function ofKind(wrong: Record<string, string>, kind: Kind): Record<string, string> {
  return Object.fromEntries(Object.entries(wrong).map(([field, said]) => [field.replace(`${kind}.`, ""), said]));
}
