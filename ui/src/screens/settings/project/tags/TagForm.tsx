import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ProjectOut, type TagOut, tagSet } from "@/api";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { ColourField } from "../ColourField";

export function TagForm({ project, tag, onClose }: { project: ProjectOut; tag?: TagOut; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState(tag?.name ?? "");
  const [colour, setColour] = useState(tag?.colour ?? "");
  const [description, setDescription] = useState(tag?.description ?? "");
  return (
    <FormDialog
      as="sheet"
      title={tag ? t("tags:editTag", { name: tag.name }) : t("tags:newTag")}
      verb={t("shell:save")}
      save={async () => {
        const body = { name: name.trim(), colour: colour || null, description };
        await data(tagSet({ path: { project_id: project.id }, body }));
        await queries.invalidateQueries({ queryKey: ["tags"] });
      }}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          {!tag && (
            <Field label={t("tags:name")} error={wrong.name}>
              {(given) => (
                <Input
                  {...given}
                  required
                  autoFocus
                  autoComplete="off"
                  maxLength={100}
                  value={name}
                  onChange={(event) => setName(event.target.value)}
                />
              )}
            </Field>
          )}
          <ColourField optional value={colour} onChange={setColour} />
          <Field label={t("projects:description")} error={wrong.description} aside={t("shell:optional")}>
            {(given) => (
              <Input
                {...given}
                maxLength={500}
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
