import { useState } from "react";
import { useTranslation } from "react-i18next";
import { workerCasePut } from "@/api";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { asked, type Typed } from "./request";

interface Props {
  worker: string;
  request: Typed;
  /** The case the request came from, and what it expected. */
  name: string;
  contains: string;
  /** What was answered last. */
  status: number | null;
  onClose: () => void;
}

/** Keeps the request for all who may call the worker. */
export function SaveCase({ worker, request, name: first, contains: part, status: last, onClose }: Props) {
  const { t } = useTranslation();
  const [name, setName] = useState(first);
  const [status, setStatus] = useState(last === null ? "" : String(last));
  const [contains, setContains] = useState(part);
  async function save() {
    const expected = { status: status === "" ? null : Number(status), contains: contains === "" ? null : contains };
    const body = { request: asked(request), expected };
    await data(workerCasePut({ path: { worker_id: worker, name: name.trim() }, body }));
    await queries.invalidateQueries({ queryKey: ["workers", worker, "cases"] });
  }
  return (
    <FormDialog
      title={t("code:saveCase")}
      lead={t("code:saveCaseLead")}
      verb={t("code:saveCase")}
      save={save}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <NameField
            label={t("code:caseName")}
            hint={t("code:caseNameHint")}
            value={name}
            error={wrong.name ?? wrong["path.name"]}
            onChange={setName}
          />
          <Field label={t("code:expectStatus")} hint={t("code:expectHint")} error={wrong["expected.status"]}>
            {(given) => (
              <Input
                {...given}
                type="number"
                min={100}
                max={599}
                className="w-28!"
                value={status}
                onChange={(event) => setStatus(event.target.value)}
              />
            )}
          </Field>
          <Field label={t("code:expectContains")} error={wrong["expected.contains"]}>
            {(given) => (
              <Input
                {...given}
                className="font-mono text-xs!"
                maxLength={10_000}
                spellCheck={false}
                value={contains}
                onChange={(event) => setContains(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </FormDialog>
  );
}
