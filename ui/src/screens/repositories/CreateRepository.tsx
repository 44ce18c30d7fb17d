import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { repositoryCreate } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Area, Field, Input, Select } from "@/parts/Field";
import { useGo } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { KINDS, type Kind, placeOf, STORES } from "./stores";

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
        <Field label={t("repositories:kind")}>
          {(control) => (
            <Select {...control} value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
              {KINDS.map((each) => (
                <option key={each} value={each}>
                  {t(`repositories:kinds.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {STORES[kind].map((field) => {
          const held = {
            required: !field.optional,
            spellCheck: false,
            autoComplete: "off",
            value: given[field.name] ?? "",
            onChange: (event: { target: { value: string } }) =>
              setGiven({ ...given, [field.name]: event.target.value }),
          };
          return (
            <Field
              key={`${kind} ${field.name}`}
              label={t(`repositories:fields.${field.name}`)}
              error={wrong[field.name]}
              aside={field.optional ? t("shell:optional") : undefined}
            >
              {(control) =>
                field.long ? (
                  <Area {...control} {...held} className="font-mono text-xs" />
                ) : (
                  <Input
                    {...control}
                    {...held}
                    type={field.secret ? "password" : "text"}
                    autoComplete={field.secret ? "new-password" : "off"}
                    inputMode={field.number ? "numeric" : undefined}
                  />
                )
              }
            </Field>
          );
        })}
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
