import { useState } from "react";
import { useTranslation } from "react-i18next";
import { workerCreate, workerVersionCreate } from "@/api";
import { Area, Field, Input, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { useGo } from "@/shell/address";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { slugOf } from "./slug";
import { TEMPLATES } from "./templates";

/** A worker with a template's code as its first version; its editor is where it ends. Nothing is deployed yet. */
export default function NewWorker({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const { environments, environment } = useScope();
  const can = useCan();
  const [draft, setDraft] = useState({ name: "", slug: "", description: "", place: "", template: "hello" });
  const [keys] = useState(() => [once(), once()] as const);
  const set = (patch: Partial<typeof draft>) => setDraft((before) => ({ ...before, ...patch }));
  const place = draft.place || environment?.id || environments[0]?.id || "";
  async function create() {
    const { slug, description, template } = draft;
    const name = draft.name.trim();
    const body = { environment_id: place, name, description, ...(slug && { slug }) };
    const made = await data(workerCreate({ body, headers: keys[0] }));
    const chosen = TEMPLATES.find(({ id }) => id === template);
    if (chosen && can("worker.deploy")) {
      const files = Object.entries(chosen.files(name)).map(([path, text]) => [path, { text }] as const);
      const first = { files: Object.fromEntries(files), message: t(`code:templates.${template}`) };
      await data(workerVersionCreate({ path: { worker_id: made.id }, body: first, headers: keys[1] }));
    }
    void queries.invalidateQueries({ queryKey: ["workers"] });
    go(`/workers/${made.id}`, { tab: "editor" });
  }
  return (
    <FormDialog
      as="sheet"
      title={t("workers:new")}
      lead={t("workers:newLead")}
      verb={t("code:create")}
      able={draft.name.trim() !== "" && place !== ""}
      onClose={onClose}
      save={create}
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
          <Field label={t("code:template")} hint={t(`code:templateHints.${draft.template}`)}>
            {(given) => (
              <Select {...given} value={draft.template} onChange={(event) => set({ template: event.target.value })}>
                {TEMPLATES.map(({ id }) => (
                  <option key={id} value={id}>
                    {t(`code:templates.${id}`)}
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
