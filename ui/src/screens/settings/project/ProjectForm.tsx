import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ProjectOut, projectCreate, projectUpdate } from "@/api";
import { Area, Field } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";

/** Makes a project with its three environments, or renames the one there is; one is in it afterwards. */
export function ProjectForm({ project, onClose }: { project?: ProjectOut; onClose: () => void }) {
  const { t } = useTranslation();
  const { choose, environment } = useScope();
  const [name, setName] = useState(project?.name ?? "");
  const [description, setDescription] = useState(project?.description ?? "");
  const [key] = useState(once);
  async function save() {
    const body = { name, description };
    const made = project
      ? await data(
          projectUpdate({
            path: { project_id: project.id },
            body,
            headers: { "If-Match": `"v${project.version}"` },
          }),
        )
      : await data(projectCreate({ body, headers: key }));
    await queries.invalidateQueries({ queryKey: ["projects"] });
    choose(made.name, project ? (environment?.name ?? null) : null);
  }
  return (
    <FormDialog
      as="sheet"
      title={project ? t("projects:editProject") : t("projects:new")}
      lead={project ? undefined : t("projects:newLead")}
      verb={project ? t("shell:save") : t("projects:create")}
      save={save}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <NameField label={t("projects:name")} error={wrong.name} value={name} onChange={setName} />
          <Field label={t("projects:description")} error={wrong.description} aside={t("shell:optional")}>
            {(given) => (
              <Area
                {...given}
                maxLength={2000}
                value={description}
                onChange={(event) => setDescription(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </FormDialog>
  );
}
