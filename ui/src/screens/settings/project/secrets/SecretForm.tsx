import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type EnvironmentOut, secretPut, secretRead } from "@/api";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { ApiError, asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import type { Secret } from "./Secrets";
import { ValueField } from "./Value";

interface Props {
  environment: EnvironmentOut;
  /** Whose value is replaced, and only while it is the newest: nobody's change is overwritten unseen. */
  secret?: Secret;
  onClose: () => void;
}

export function SecretForm({ environment, secret, onClose }: Props) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  async function save() {
    const path = { environment_id: environment.id, name: secret?.name ?? name };
    if (!secret && (await isThere(path))) throw taken(t("secrets:taken"));
    await data(
      secretPut({ path, body: { value }, ...(secret && { headers: { "If-Match": `"v${secret.version}"` } }) }),
    );
    await queries.invalidateQueries({ queryKey: ["secrets"] });
  }
  return (
    <FormDialog
      as={secret ? "dialog" : "sheet"}
      title={secret ? t("secrets:replaceTitle", { name: secret.name }) : t("secrets:new")}
      lead={secret ? t("secrets:replaceLead") : t("secrets:newLead", { environment: environment.name })}
      verb={secret ? t("secrets:replace") : t("secrets:store")}
      save={save}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          {!secret && (
            <Field label={t("secrets:name")} hint={t("secrets:nameHint")} error={wrong.name}>
              {(given) => (
                <Input
                  {...given}
                  required
                  autoFocus
                  autoComplete="off"
                  spellCheck={false}
                  maxLength={128}
                  pattern="[A-Za-z_][A-Za-z0-9_.\-]*"
                  className="font-mono"
                  value={name}
                  onChange={(event) => setName(event.target.value)}
                />
              )}
            </Field>
          )}
          <ValueField label={t("secrets:value")} value={value} error={wrong.value} onChange={setValue} />
        </>
      )}
    </FormDialog>
  );
}

async function isThere(path: { environment_id: string; name: string }): Promise<boolean> {
  try {
    await data(secretRead({ path }));
    return true;
  } catch (thrown) {
    if (asError(thrown).status === 404) return false;
    throw thrown;
  }
}

function taken(message: string): ApiError {
  return new ApiError(409, { code: "name_taken", message, details: { fields: [{ field: "name", message }] } });
}
