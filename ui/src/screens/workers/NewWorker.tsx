import { useState } from "react";
import { useTranslation } from "react-i18next";
import { workerCreate } from "@/api";
import { Area, Field, Input, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { useGo } from "@/shell/address";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { slugOf } from "./slug";

/** A name and a place; code comes with the first version. */
export default function NewWorker({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const { environments, environment } = useScope();
  const [draft, setDraft] = useState({ name: "", slug: "", description: "", place: "" });
  const set = (patch: Partial<typeof draft>) => setDraft((before) => ({ ...before, ...patch }));
  const place = draft.place || environment?.id || environments[0]?.id || "";
  return (
    <FormDialog
      as="sheet"
      title={t("workers:new")}
      lead={t("workers:newLead")}
      verb={t("workers:create")}
      able={draft.name.trim() !== "" && place !== ""}
      onClose={onClose}
      save={async () => {
        const made = await data(
          workerCreate({
            body: {
              environment_id: place,
              name: draft.name.trim(),
              description: draft.description,
              ...(draft.slug && { slug: draft.slug }),
            },
            headers: once(),
          }),
        );
        void queries.invalidateQueries({ queryKey: ["workers"] });
        go(`/workers/${made.id}`);
      }}
    >
      {(wrong) => (
        <>
          <NameField
            label={t("workers:name")}
            value={draft.name}
            onChange={(name) => set({ name })}
            error={wrong.name}
          />
          <Field label={t("shell:environment")} error={wrong.environment_id ?? null}>
            {(given) => (
              <Select {...given} value={place} onChange={(event) => set({ place: event.target.value })}>
                {environments.map((each) => (
                  <option key={each.id} value={each.id}>
                    {each.name}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field label={t("workers:slug")} hint={t("workers:slugHint")} error={wrong.slug ?? null}>
            {(given) => (
              <Input
                {...given}
                value={draft.slug}
                placeholder={slugOf(draft.name)}
                maxLength={63}
                spellCheck={false}
                autoComplete="off"
                className="font-mono"
                onChange={(event) => set({ slug: event.target.value })}
              />
            )}
          </Field>
          <Field label={t("workers:description")} aside={t("workers:optional")} error={wrong.description ?? null}>
            {(given) => (
              <Area
                {...given}
                rows={3}
                maxLength={2000}
                value={draft.description}
                onChange={(event) => set({ description: event.target.value })}
              />
            )}
          </Field>
        </>
      )}
    </FormDialog>
  );
}
