import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseRunOut, databaseCreate, type EngineOut } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { SchemaFields } from "@/parts/form/SchemaFields";
import type { JsonSchema } from "@/parts/form/schema";
import { useSchemaForm } from "@/parts/form/useSchemaForm";
import { Segments } from "@/parts/Setting";
import { Skeleton } from "@/parts/small";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { isAble } from "../able";
import { useEngines } from "../engines";
import { Register } from "../external/Register";
import { Making } from "./Making";
import { offer, refusals } from "./refusals";

/**
 * An engine, its form out of its own JSON Schema, then the run as it goes; ends on the database's page. Or one that
 * is there already, on somebody else's server.
 */
export default function CreateWizard({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { data: engines, error, refetch } = useEngines();
  const [common, setCommon] = useState({ name: "", environment: "" });
  const [engineName, setEngine] = useState<string | null>(null);
  const [made, setMade] = useState<DatabaseRunOut | null>(null);
  const can = useCan();
  const [way, setWay] = useState(can("database.create") ? "new" : "register");
  const isNew = way === "new";
  const some = engines?.filter((each) => (isNew ? offer(each) : isAble(each, "register")));
  const engine = some?.find(({ name }) => name === engineName) ?? some?.[0];
  const title = made ? t("create:making", { name: made.resource.name }) : t("databases:new");
  return (
    <Dialog open as="sheet" onOpenChange={(open) => !open && onClose()} title={title}>
      {made ? (
        <Making made={made} onClose={onClose} onAgain={() => setMade(null)} />
      ) : error ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : some && engine ? (
        <div className="grid gap-4">
          {can("database.create") && can("database.register") && (
            <Segments
              label={t("external:which")}
              value={way}
              options={["new", "register"].map((value) => ({ value, label: t(`external:ways.${value}`) }))}
              onChange={setWay}
            />
          )}
          <Engines engines={some} chosen={engine.name} onChoose={setEngine} versions={isNew} />
          {isNew ? (
            <CreateForm
              key={engine.name}
              engine={engine}
              common={common}
              onCommon={setCommon}
              isFirst={engineName === null}
              onMade={setMade}
              onClose={onClose}
            />
          ) : (
            <Register
              key={engine.name}
              engine={engine}
              common={common}
              onCommon={setCommon}
              onMade={setMade}
              onClose={onClose}
            />
          )}
        </div>
      ) : (
        <div className="grid gap-3">
          <Skeleton className="h-14" />
          <Skeleton className="h-8" />
          <Skeleton className="h-8" />
        </div>
      )}
    </Dialog>
  );
}

function Engines({ engines, chosen, onChoose, versions }: EnginesProps) {
  const { t } = useTranslation();
  return (
    <fieldset>
      <legend className="mb-1 font-medium text-xs">{t("databases:engine")}</legend>
      <div className="grid grid-cols-2 gap-2 sm:grid-cols-3">
        {engines.map(({ name, title, capabilities }) => (
          <label
            key={name}
            className={cx(
              "grid min-h-14 content-center gap-0.5 rounded-md border px-3 py-2 has-focus-visible:outline-2 has-focus-visible:outline-accent",
              name === chosen
                ? "border-accent bg-accent-soft text-accent-text"
                : "border-strong-line/60 hover:bg-hover",
            )}
          >
            <input
              type="radio"
              name="engine"
              aria-label={title}
              className="sr-only"
              checked={name === chosen}
              onChange={() => onChoose(name)}
            />
            <span className="font-medium">{title}</span>
            {versions && <span className="text-muted text-xs">{String(capabilities.default_version ?? "")}</span>}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
interface EnginesProps {
  engines: readonly EngineOut[];
  chosen: string;
  onChoose: (name: string) => void;
  /** Of one that is there already the version is what it is. */
  versions: boolean;
}

interface Common {
  name: string;
  environment: string;
}
interface FormProps {
  engine: EngineOut;
  /** Stays as it is while engines are tried. */
  common: Common;
  onCommon: (common: Common) => void;
  /** The keyboard begins at the name, but is not taken from who walks over the engines. */
  isFirst: boolean;
  onMade: (made: DatabaseRunOut) => void;
  onClose: () => void;
}

function CreateForm({ engine, common, onCommon, isFirst, onMade, onClose }: FormProps) {
  const { t } = useTranslation();
  const scope = useScope();
  const environment = common.environment || scope.environment?.id || scope.environments[0]?.id || "";
  const [key, setKey] = useState(once);
  const { fields, form, said } = useSchemaForm(engine.spec as JsonSchema);
  const create = useMutation({
    mutationFn: (spec: Record<string, unknown>) =>
      data(
        databaseCreate({
          body: { name: common.name, engine: engine.name, environment_id: environment, spec },
          headers: key,
        }),
      ),
    networkMode: "always",
    meta: { quiet: true },
    onError: () => setKey(once()), // what is sent next is another request
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["databases"] });
      onMade(made);
    },
  });
  const error = create.error ? asError(create.error) : null;
  const { byField, rest } = refusals(
    error,
    fields.map(({ name }) => name),
  );
  const wrong = fields.some(({ name }) => byField[name] || form.formState.errors[name]);
  const needed = fields.filter(({ optional }) => !optional);
  const spare = fields.filter(({ optional }) => optional);
  return (
    <form className="grid gap-4" noValidate onSubmit={form.handleSubmit((values) => create.mutate(said(values)))}>
      <Field label={t("databases:name")} hint={t("databases:nameHint")} error={byField.name}>
        {(given) => (
          <Input
            {...given}
            required
            autoFocus={isFirst}
            autoComplete="off"
            spellCheck={false}
            maxLength={63}
            value={common.name}
            onChange={(event) => {
              create.reset();
              onCommon({ ...common, name: event.target.value });
            }}
          />
        )}
      </Field>
      <Field label={t("shell:environment")} error={byField.environment_id}>
        {(given) => (
          <Select
            {...given}
            value={environment}
            onChange={(event) => onCommon({ ...common, environment: event.target.value })}
          >
            {scope.environments.map((each) => (
              <option key={each.id} value={each.id}>
                {each.name}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <SchemaFields fields={needed} form={form} refused={byField} />
      {spare.length > 0 && (
        <details className="border-t pt-3" open={wrong || undefined}>
          <summary className="font-medium text-muted text-xs hover:text-text">{t("databases:options")}</summary>
          <div className="mt-3 grid gap-4">
            <SchemaFields fields={spare} form={form} refused={byField} />
          </div>
        </details>
      )}
      {rest && <ErrorText error={rest} />}
      <div className="sticky -bottom-4 -mx-5 flex justify-end gap-2 border-t bg-raised px-5 py-3">
        <Button onClick={onClose}>{t("shell:cancel")}</Button>
        <Button
          look="primary"
          type="submit"
          busy={create.isPending}
          disabled={common.name.trim() === "" || !environment}
        >
          {t("databases:create")}
        </Button>
      </div>
    </form>
  );
}
