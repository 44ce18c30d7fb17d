import { useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseResize, type EngineOut } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorText } from "@/parts/ErrorPanel";
import { SchemaFields } from "@/parts/form/SchemaFields";
import { type JsonSchema, labelOf } from "@/parts/form/schema";
import { useSchemaForm } from "@/parts/form/useSchemaForm";
import { Section } from "@/parts/Page";
import { useBegun } from "@/parts/useBegun";
import { asError, data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { refusals } from "../create/refusals";
import { asItIs, lifted } from "./resizing";

/** Limits and sizes in the engine's own form. What takes a restart is asked for by name, by the server's word. */
export function Resize({ database, engine }: { database: DatabaseOut; engine: EngineOut }) {
  const { t } = useTranslation();
  const able = useCan()("database.resize");
  const begun = useBegun("databases");
  const schema = useMemo(() => asItIs(engine.spec as JsonSchema, database.spec), [engine, database.spec]);
  const { fields, form, said } = useSchemaForm(schema);
  const [restart, setRestart] = useState<{ spec: Record<string, unknown>; names: string[] } | null>(null);
  const path = { database_id: database.id };
  const resize = useMutation({
    mutationFn: (spec: Record<string, unknown>) => data(databaseResize({ path, body: { spec } })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: begun,
    onError: (thrown, spec) => {
      const { code, details } = asError(thrown);
      if (code === "restart_needed") setRestart({ spec, names: (details.fields as string[] | undefined) ?? [] });
    },
  });
  const error = resize.error ? asError(resize.error) : null;
  const told = error?.code === "restart_needed" ? null : error;
  const { byField, rest } = refusals(
    told,
    fields.map(({ name }) => name),
  );
  if (fields.length === 0) return null;
  const send = form.handleSubmit((values) => resize.mutate({ ...said(values), ...lifted(fields, form.getValues()) }));
  return (
    <Section title={t("dbsettings:size")}>
      <form className="grid max-w-xl gap-4" noValidate onSubmit={send}>
        <p className="text-muted">{t("dbsettings:sizeLead")}</p>
        <fieldset disabled={!able} className="grid gap-4 sm:grid-cols-2 sm:items-start">
          <SchemaFields fields={fields} form={form} refused={byField} />
        </fieldset>
        {rest && <ErrorText error={rest} />}
        {able && (
          <div>
            <Button look="primary" type="submit" busy={resize.isPending} disabled={!form.formState.isDirty}>
              {t("dbsettings:resize")}
            </Button>
          </div>
        )}
      </form>
      <Confirm
        open={restart !== null}
        onOpenChange={(open) => !open && setRestart(null)}
        danger
        title={t("dbsettings:restartTitle", { name: database.name })}
        lead={t("dbsettings:restartLead", { fields: restart?.names.map(labelOf).join(", ") })}
        verb={t("dbsettings:restart")}
        name={database.name}
        act={async () => {
          begun(await data(databaseResize({ path, body: { spec: restart?.spec ?? {}, confirm: database.name } })));
        }}
      />
    </Section>
  );
}
