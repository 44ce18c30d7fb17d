import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, type EngineOut, type MoveOut, movePlan } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Select } from "@/parts/Field";
import { SchemaFields } from "@/parts/form/SchemaFields";
import type { JsonSchema } from "@/parts/form/schema";
import { useSchemaForm } from "@/parts/form/useSchemaForm";
import { NameField } from "@/parts/NameField";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useEngines } from "../engines";

interface Props {
  database: DatabaseOut;
  onClose: () => void;
  onPlanned: (move: MoveOut) => void;
}

/** Where to; the plan that comes of it says what would be lost. Nothing is made by planning. */
export function MoveWizard({ database, onClose, onPlanned }: Props) {
  const { t } = useTranslation();
  const { data: engines } = useEngines();
  const some = (engines ?? []).filter((each) => each.capabilities.translates && each.name !== database.engine);
  const [chosen, setChosen] = useState("");
  const engine = some.find(({ name }) => name === chosen) ?? some[0];
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("moves:new")}
      lead={t("moves:newLead")}
    >
      {engine ? (
        <PlanForm key={engine.name} {...{ database, engine, some, onClose, onPlanned }} onChoose={setChosen} />
      ) : (
        <p className="text-muted">{t("moves:noEngine")}</p>
      )}
    </Dialog>
  );
}

interface FormProps extends Props {
  engine: EngineOut;
  some: readonly EngineOut[];
  onChoose: (name: string) => void;
}

function PlanForm({ database, engine, some, onChoose, onClose, onPlanned }: FormProps) {
  const { t } = useTranslation();
  const [name, setName] = useState(`${database.name}-2`.slice(0, 63));
  const [key, setKey] = useState(once);
  const { fields, form, said } = useSchemaForm(engine.spec as JsonSchema);
  const plan = useMutation({
    mutationFn: (spec: Record<string, unknown>) =>
      data(movePlan({ path: { database_id: database.id }, body: { engine: engine.name, name, spec }, headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onError: () => setKey(once()), // what is sent next is another request
    onSuccess: ({ move }) => {
      void queries.invalidateQueries({ queryKey: ["moves"] });
      onClose();
      onPlanned(move);
    },
  });
  const error = plan.error ? asError(plan.error) : null;
  return (
    <form className="grid gap-4" noValidate onSubmit={form.handleSubmit((values) => plan.mutate(said(values)))}>
      <Field label={t("moves:engine")}>
        {(given) => (
          <Select {...given} value={engine.name} onChange={(event) => onChoose(event.target.value)}>
            {some.map((each) => (
              <option key={each.name} value={each.name}>
                {each.title}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <NameField label={t("moves:name")} error={error?.fields.name} value={name} onChange={setName} />
      {fields.length > 0 && (
        <details className="border-t pt-3">
          <summary className="font-medium text-muted text-xs hover:text-text">{t("databases:options")}</summary>
          <div className="mt-3 grid gap-4">
            <SchemaFields fields={fields} form={form} />
          </div>
        </details>
      )}
      {error && <ErrorText error={error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t("shell:cancel")}</Button>
        <Button look="primary" type="submit" busy={plan.isPending} disabled={name.trim() === ""}>
          {t("moves:plan")}
        </Button>
      </div>
    </form>
  );
}
