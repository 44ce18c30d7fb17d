import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, type DatabaseRunOut, databaseClone, maskingProfileList } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Select } from "@/parts/Field";
import { NameField } from "@/parts/NameField";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { Making } from "../create/Making";
import { refusals } from "../create/refusals";

/** A copy as of now, compared before anyone gets in. An earlier moment is a snapshot's to restore. */
export default function CloneDialog({ database, onClose }: { database: DatabaseOut; onClose: () => void }) {
  const { t } = useTranslation();
  const can = useCan();
  const { environments } = useScope();
  const [name, setName] = useState(() => copyName(database.name));
  const [environment, setEnvironment] = useState(database.environment_id);
  const [masking, setMasking] = useState("");
  const [key, setKey] = useState(once);
  const [made, setMade] = useState<DatabaseRunOut | null>(null);
  const { data: profiles } = useQuery({
    queryKey: ["masking-profiles", database.project_id],
    queryFn: async () =>
      (await data(maskingProfileList({ path: { project_id: database.project_id }, query: { limit: 200 } }))).items,
    enabled: can("masking.read"),
  });
  const clone = useMutation({
    mutationFn: () =>
      data(
        databaseClone({
          path: { database_id: database.id },
          body: { name, environment_id: environment, masking: masking || null },
          headers: key,
        }),
      ),
    networkMode: "always",
    meta: { quiet: true },
    onError: () => setKey(once()),
    onSuccess: (begun) => {
      void queries.invalidateQueries({ queryKey: ["databases"] });
      setMade(begun);
    },
  });
  const { byField, rest } = refusals(clone.error ? asError(clone.error) : null, ["masking"]);
  const fitting = (profiles ?? []).filter(({ engine }) => engine === database.engine);
  if (made)
    return (
      <Dialog open onOpenChange={(open) => !open && onClose()} title={t("create:making", { name: made.resource.name })}>
        <Making made={made} onClose={onClose} onAgain={() => setMade(null)} />
      </Dialog>
    );
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("databases:cloneTitle", { name: database.name })}
      lead={t("databases:cloneLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" busy={clone.isPending} disabled={!name.trim()} onClick={() => clone.mutate()}>
            {t("databases:clone")}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) clone.mutate();
        }}
      >
        <NameField label={t("databases:name")} error={byField.name} value={name} onChange={setName} />
        <Field label={t("shell:environment")} error={byField.environment_id}>
          {(given) => (
            <Select {...given} value={environment} onChange={(event) => setEnvironment(event.target.value)}>
              {environments.map((each) => (
                <option key={each.id} value={each.id}>
                  {each.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {can("masking.read") && (
          <Field label={t("databases:masking")} hint={t("databases:maskingHint")} error={byField.masking}>
            {(given) => (
              <Select {...given} value={masking} onChange={(event) => setMasking(event.target.value)}>
                <option value="">{t("databases:unmasked")}</option>
                {fitting.map((each) => (
                  <option key={each.id} value={each.id}>
                    {each.name}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        )}
        {rest && <ErrorText error={rest} />}
        <button type="submit" hidden aria-hidden tabIndex={-1} />
      </form>
    </Dialog>
  );
}

/** Within the 63 bytes a name may take. */
function copyName(name: string): string {
  const made = `${name}-copy`;
  return new TextEncoder().encode(made).length <= 63 ? made : "";
}
