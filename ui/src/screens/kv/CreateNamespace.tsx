import { useState } from "react";
import { useTranslation } from "react-i18next";
import { kvNamespaceCreate } from "@/api";
import { Field, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { useGo } from "@/shell/address";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";

/** A namespace with the database that holds its entries; its page shows when that is ready. */
export function CreateNamespace({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const { environments, environment } = useScope();
  const [name, setName] = useState("");
  const [place, setPlace] = useState(environment?.id ?? "");
  const [key] = useState(once);
  const into = place || (environments[0]?.id ?? "");
  async function create() {
    const made = await data(kvNamespaceCreate({ body: { environment_id: into, name }, headers: key }));
    void queries.invalidateQueries({ queryKey: ["kv_namespaces"] });
    go(`/kv/${made.id}`);
  }
  return (
    <FormDialog
      title={t("kv:new")}
      lead={t("kv:newLead")}
      verb={t("kv:create")}
      able={into !== ""}
      save={create}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <NameField label={t("kv:name")} hint={t("kv:nameHint")} value={name} error={wrong.name} onChange={setName} />
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
        </>
      )}
    </FormDialog>
  );
}
