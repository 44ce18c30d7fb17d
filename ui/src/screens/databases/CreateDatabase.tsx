import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseCreate, type EngineOut } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { SchemaFields } from "@/parts/form/SchemaFields";
import type { JsonSchema } from "@/parts/form/schema";
import { useSchemaForm } from "@/parts/form/useSchemaForm";
import { Skeleton } from "@/parts/small";
import { useGo } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useEngines } from "./engines";

/** Engine, name, environment; the engine's own options under "More", out of its JSON Schema. */
export default function CreateDatabase({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { data: engines } = useEngines();
  const [name, setName] = useState("");
  const [engineName, setEngine] = useState<string | null>(null);
  const engine = engines?.find((each) => each.name === engineName) ?? engines?.[0];
  return (
    <Dialog open as="sheet" onOpenChange={(open) => !open && onClose()} title={t("databases:new")}>
      {!engines || !engine ? (
        <div className="grid gap-3">
          <Skeleton className="h-14" />
          <Skeleton className="h-8" />
          <Skeleton className="h-8" />
        </div>
      ) : (
        <div className="grid gap-4">
          <fieldset>
            <legend className="mb-1 font-medium text-xs">{t("databases:engine")}</legend>
            <div className="grid grid-cols-3 gap-2">
              {engines.map((each) => (
                <label
                  key={each.name}
                  className={cx(
                    "grid min-h-12 place-items-center rounded-md border px-2 text-center font-medium has-focus-visible:outline-2 has-focus-visible:outline-accent",
                    each.name === engine.name
                      ? "border-accent bg-accent-soft text-accent-text"
                      : "border-strong-line/60 hover:bg-hover",
                  )}
                >
                  <input
                    type="radio"
                    name="engine"
                    className="sr-only"
                    checked={each.name === engine.name}
                    onChange={() => setEngine(each.name)}
                  />
                  {each.title}
                </label>
              ))}
            </div>
          </fieldset>
          <CreateForm key={engine.name} engine={engine} name={name} onName={setName} onClose={onClose} />
        </div>
      )}
    </Dialog>
  );
}

interface FormProps {
  engine: EngineOut;
  name: string;
  onName: (name: string) => void;
  onClose: () => void;
}

function CreateForm({ engine, name, onName, onClose }: FormProps) {
  const { t } = useTranslation();
  const go = useGo();
  const scope = useScope();
  const [environmentId, setEnvironment] = useState(scope.environment?.id ?? scope.environments[0]?.id ?? "");
  const [key] = useState(once);
  const { fields, form, said } = useSchemaForm(engine.spec as JsonSchema);
  const create = useMutation({
    mutationFn: (spec: Record<string, unknown>) =>
      data(databaseCreate({ body: { name, engine: engine.name, environment_id: environmentId, spec }, headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: ({ resource }) => {
      void queries.invalidateQueries({ queryKey: ["databases"] });
      onClose();
      go(`/databases/${resource.id}`);
    },
  });
  const error = create.error ? asError(create.error) : null;
  const refused = Object.fromEntries(
    Object.entries(error?.fields ?? {}).map(([field, message]) => [field.replace(/^spec\./, ""), message]),
  );
  return (
    <form className="grid gap-4" onSubmit={form.handleSubmit((values) => create.mutate(said(values)))}>
      <Field label={t("databases:name")} hint={t("databases:nameHint")} error={refused.name}>
        {(given) => (
          <Input
            {...given}
            required
            autoFocus
            autoComplete="off"
            spellCheck={false}
            maxLength={63}
            value={name}
            onChange={(event) => onName(event.target.value)}
          />
        )}
      </Field>
      <Field label={t("shell:environment")}>
        {(given) => (
          <Select {...given} value={environmentId} onChange={(event) => setEnvironment(event.target.value)}>
            {scope.environments.map((each) => (
              <option key={each.id} value={each.id}>
                {each.name}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {fields.length > 0 && (
        <details className="group border-t pt-3">
          <summary className="font-medium text-muted text-xs hover:text-text">{t("databases:options")}</summary>
          <div className="mt-3 grid gap-4">
            <SchemaFields fields={fields} form={form} refused={refused} />
          </div>
        </details>
      )}
      {error && <ErrorText error={error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t("shell:cancel")}</Button>
        <Button look="primary" type="submit" busy={create.isPending}>
          {t("databases:create")}
        </Button>
      </div>
    </form>
  );
}
