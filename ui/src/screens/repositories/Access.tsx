import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type RepositoryOut, repositoryCredentialChange, repositoryDeletes, repositoryFileKey } from "@/api";
import { Button } from "@/parts/Button";
import { Checkbox } from "@/parts/Checkbox";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Select } from "@/parts/Field";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";
import { useFileKeys } from "./FilesFields";
import { StoreFields } from "./PlaceFields";
import { type Kind, STORES } from "./stores";

interface Props {
  repository: RepositoryOut;
  onClose: () => void;
}

const secretsOf = (kind: string) => (STORES[kind as Kind] ?? []).filter(({ secret }) => secret);

interface SheetProps {
  title: string;
  lead: string;
  verb: string;
  able?: boolean;
  save: () => Promise<RepositoryOut>;
  onClose: () => void;
  children: ReactNode;
}

/** A change of a repository that is done at once. */
function SaveSheet({ title, lead, verb, able = true, save, onClose, children }: SheetProps) {
  const { t } = useTranslation();
  const change = useMutation({
    mutationFn: save,
    networkMode: "always",
    gcTime: 0,
    meta: { quiet: true },
    onSuccess: (now) => {
      queries.setQueryData(["repositories", now.id], now);
      void queries.invalidateQueries({ queryKey: ["repositories"] });
      toast.good(t("repositories:saved"));
      onClose();
    },
  });
  return (
    <Dialog
      open
      as="sheet"
      title={title}
      lead={lead}
      onOpenChange={(open) => !open && onClose()}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="save-form" disabled={!able} busy={change.isPending}>
            {verb}
          </Button>
        </>
      }
    >
      <form
        id="save-form"
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (able) change.mutate();
        }}
      >
        {children}
        {change.error && <ErrorText error={asError(change.error)} />}
      </form>
    </Dialog>
  );
}

const filled = (given: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value.trim() !== ""));

/** Another login for the store; it is tried first, and the old one is forgotten. */
export function CredentialSheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  const [given, setGiven] = useState<Record<string, string>>({});
  return (
    <SaveSheet
      title={t("repositories:credential")}
      lead={t("repositories:credentialLead")}
      verb={t("shell:save")}
      save={() => data(repositoryCredentialChange({ path: { repository_id: repository.id }, body: filled(given) }))}
      onClose={onClose}
    >
      <StoreFields fields={secretsOf(repository.kind)} given={given} onChange={setGiven} />
    </SaveSheet>
  );
}

/** Whether Holdfast only adds with its own credential, and the one that may delete. */
export function DeletesSheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  const [apart, setApart] = useState(true);
  const [given, setGiven] = useState<Record<string, string>>({});
  const fields = secretsOf(repository.kind).map((field) => ({ ...field, optional: true }));
  const credential = filled(given);
  return (
    <SaveSheet
      title={t("repositories:deletes")}
      lead={t("repositories:deletesLead")}
      verb={t("shell:save")}
      save={() =>
        data(
          repositoryDeletes({
            path: { repository_id: repository.id },
            body: { apart, credential: apart && Object.keys(credential).length > 0 ? credential : null },
          }),
        )
      }
      onClose={onClose}
    >
      <Checkbox
        label={t("repositories:apart")}
        hint={t(apart ? "repositories:apartHint" : "repositories:togetherHint")}
        checked={apart}
        onChange={setApart}
      />
      {apart && (
        <>
          <p className="text-muted text-xs">{t("repositories:deleter")}</p>
          <StoreFields fields={fields} given={given} onChange={setGiven} />
        </>
      )}
    </SaveSheet>
  );
}

/** With which key new files of a plain repository are sealed; older ones open with the keys they name. */
export function FileKeySheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  const keys = useFileKeys(repository.project_id, true);
  const [name, setName] = useState(repository.files?.key?.name ?? "own");
  const [encryption, setEncryption] = useState("");
  const takes = keys.find((each) => each.name === name)?.takes ?? ["age", "gpg", "aes256"];
  return (
    <SaveSheet
      title={t("repositories:chooseKey")}
      lead={t("repositories:chooseKeyLead")}
      verb={t("shell:save")}
      save={() =>
        data(
          repositoryFileKey({
            path: { repository_id: repository.id },
            body: { key: name, encryption: (encryption || null) as "age" | null },
          }),
        )
      }
      onClose={onClose}
    >
      <Field label={t("repositories:fileKey")}>
        {(control) => (
          <Select
            {...control}
            value={name}
            onChange={(event) => {
              setName(event.target.value);
              setEncryption("");
            }}
          >
            <option value="own">{t("repositories:ownKey")}</option>
            {keys.map((each) => (
              <option key={each.id} value={each.name}>
                {each.name}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field label={t("repositories:encryption")}>
        {(control) => (
          <Select {...control} value={encryption} onChange={(event) => setEncryption(event.target.value)}>
            <option value="">{t("repositories:usualOne")}</option>
            {takes.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </Select>
        )}
      </Field>
    </SaveSheet>
  );
}
