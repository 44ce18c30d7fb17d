import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { fileKeyCreate } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { KeyFields } from "./KeyFields";
import { bodyOf, KINDS, type Kind } from "./kinds";

interface Props {
  project: string;
  onClose: () => void;
  onMade: (id: string) => void;
}

/** A key of any kind. A service is tried before anything is kept; what a key is never changes afterwards. */
export function CreateFileKey({ project, onClose, onMade }: Props) {
  const { t } = useTranslation();
  const { environments } = useScope();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<Kind>("age-identity");
  const [environment, setEnvironment] = useState("");
  const [given, setGiven] = useState<Record<string, string>>({});
  const [key, setKey] = useState(once);
  const create = useMutation({
    mutationFn: () =>
      data(
        fileKeyCreate({
          path: { project_id: project },
          body: { name, kind, environment_id: environment || null, ...bodyOf(kind, given) },
          headers: key,
        }),
      ),
    networkMode: "always",
    gcTime: 0,
    meta: { quiet: true },
    onError: () => setKey(once()), // what is sent next is another request
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["file_keys"] });
      onClose();
      onMade(made.id);
    },
  });
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("filekeys:new")}
      lead={t("filekeys:newLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="file-key-form" busy={create.isPending}>
            {t("filekeys:create")}
          </Button>
        </>
      }
    >
      <form
        id="file-key-form"
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Field label={t("filekeys:name")}>
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
        <Field label={t("filekeys:kind")} hint={t(`filekeys:kindHints.${kind}`)}>
          {(control) => (
            <Select {...control} value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
              {(Object.keys(KINDS) as Kind[]).map((each) => (
                <option key={each} value={each}>
                  {t(`filekeys:kinds.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <KeyFields key={kind} fields={KINDS[kind]} given={given} onChange={setGiven} />
        <Field label={t("shell:environment")} hint={t("filekeys:environmentHint")}>
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
        {create.error && <ErrorText error={asError(create.error)} />}
      </form>
    </Dialog>
  );
}
