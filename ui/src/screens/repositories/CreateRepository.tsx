import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type FilesIn, repositoryCreate } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { useGo } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { FilesFields } from "./FilesFields";
import { KindField, StoreFields } from "./PlaceFields";
import { type Kind, placeOf, STORES } from "./stores";

/** A place for snapshots, with a password of its own that Holdfast makes. */
export function CreateRepository({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const { project, environments } = useScope();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<Kind>("local");
  const [environment, setEnvironment] = useState("");
  const [isDefault, setDefault] = useState(false);
  const [given, setGiven] = useState<Record<string, string>>({});
  const [files, setFiles] = useState<FilesIn | null>(null);
  const [key] = useState(once);
  const create = useMutation({
    mutationFn: () =>
      data(
        repositoryCreate({
          body: {
            name,
            project_id: project?.id ?? "",
            environment_id: environment || null,
            is_default: isDefault,
            ...placeOf(kind, given),
            ...(files && { format: "plain", files }),
          },
          headers: key,
        }),
      ),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["repositories"] });
      onClose();
      go(`/repositories/${made.id}`);
    },
  });
  const error = create.error ? asError(create.error) : null;
  const wrong = Object.fromEntries(
    Object.entries(error?.fields ?? {}).map(([field, said]) => [field.replace(`${kind}.`, ""), said]),
  );
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("repositories:new")}
      lead={t("repositories:newLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="repository-form" busy={create.isPending}>
            {t("repositories:create")}
          </Button>
        </>
      }
    >
      <form
        id="repository-form"
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Field label={t("repositories:name")} error={wrong.name}>
          {(control) => (
            <Input
              {...control}
              required
              autoFocus
              autoComplete="off"
              spellCheck={false}
              maxLength={63}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <KindField kind={kind} onChange={setKind} />
        <StoreFields key={kind} fields={STORES[kind]} given={given} onChange={setGiven} wrong={wrong} />
        <FilesFields files={files} onChange={setFiles} project={project?.id} />
        <Field label={t("shell:environment")} hint={t("repositories:environmentHint")}>
          {(control) => (
            <Select {...control} value={environment} onChange={(event) => setEnvironment(event.target.value)}>
              <option value="">{t("shell:allEnvironments")}</option>
              {environments.map((each) => (
                <option key={each.id} value={each.id}>
                  {each.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <label className="flex items-center gap-2">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={isDefault}
            onChange={(event) => setDefault(event.target.checked)}
          />
          {t("repositories:makeDefault")}
        </label>
        {error && <ErrorText error={error} />}
      </form>
    </Dialog>
  );
}
