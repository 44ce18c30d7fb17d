import { useState } from "react";
import { useTranslation } from "react-i18next";
import { workerCreate, workerVersionCreate } from "@/api";
import { Field, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { useGo } from "@/shell/address";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { PLACE } from "./codeTabs";
import { TEMPLATES } from "./templates";

/** A worker with a template's code as its first version; its editor is where it ends. Nothing is deployed yet. */
export function NewWorker({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const can = useCan();
  const { environments, environment } = useScope();
  const [name, setName] = useState("");
  const [template, setTemplate] = useState("hello");
  const [place, setPlace] = useState(environment?.id ?? "");
  const [keys] = useState(() => [once(), once()] as const);
  const into = place || (environments[0]?.id ?? "");
  async function create() {
    const worker = await data(workerCreate({ body: { environment_id: into, name }, headers: keys[0] }));
    const chosen = TEMPLATES.find(({ id }) => id === template);
    if (chosen && can("worker.deploy")) {
      const files = Object.entries(chosen.files(name)).map(([path, text]) => [path, { text }] as const);
      const body = { files: Object.fromEntries(files), message: t(`code:templates.${template}`) };
      await data(workerVersionCreate({ path: { worker_id: worker.id }, body, headers: keys[1] }));
    }
    await queries.invalidateQueries({ queryKey: ["workers"] });
    go(`${PLACE}/${worker.id}`, { tab: "editor" });
  }
  return (
    <FormDialog
      title={t("code:new")}
      lead={t("code:newLead")}
      verb={t("code:create")}
      able={into !== ""}
      save={create}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <NameField label={t("code:name")} value={name} error={wrong.name} onChange={setName} />
          <Field label={t("shell:environment")}>
            {(given) => (
              <Select {...given} value={into} onChange={(event) => setPlace(event.target.value)}>
                {environments.map((each) => (
                  <option key={each.id} value={each.id}>
                    {each.name}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field label={t("code:template")} hint={t(`code:templateHints.${template}`)}>
            {(given) => (
              <Select {...given} value={template} onChange={(event) => setTemplate(event.target.value)}>
                {TEMPLATES.map(({ id }) => (
                  <option key={id} value={id}>
                    {t(`code:templates.${id}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </>
      )}
    </FormDialog>
  );
}
