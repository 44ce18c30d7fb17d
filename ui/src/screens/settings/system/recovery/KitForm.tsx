import { useState } from "react";
import { useTranslation } from "react-i18next";
import { recoveryKitCreate } from "@/api";
import { Area, Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { Segments } from "@/parts/Setting";
import { saveFile } from "@/parts/table/export";
import { ApiError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";
import { KIT } from "./kit";

type Way = "passphrase" | "recipients";

/** Makes the kit and hands it over at once: it is kept nowhere on the server. */
export function KitForm({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [way, setWay] = useState<Way>("passphrase");
  const [passphrase, setPassphrase] = useState("");
  const [again, setAgain] = useState("");
  const [recipients, setRecipients] = useState("");
  const lines = recipients
    .split("\n")
    .map((each) => each.trim())
    .filter(Boolean);
  async function save() {
    if (way === "passphrase" && passphrase !== again) throw differs(t("recovery:differs"));
    const body = way === "passphrase" ? { passphrase } : { recipients: lines };
    const made = await data(recoveryKitCreate({ body }));
    saveFile(`holdfast-recovery-kit-${made.made_at.slice(0, 10)}.age`, "application/octet-stream", made.file);
    toast.good(t("recovery:madeNow"), t("recovery:madeLead"));
    await queries.invalidateQueries({ queryKey: KIT });
  }
  return (
    <FormDialog
      as="sheet"
      title={t("recovery:make")}
      lead={t("recovery:makeLead")}
      verb={t("recovery:makeVerb")}
      save={save}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <Segments
            label={t("recovery:opensWith")}
            value={way}
            options={(["passphrase", "recipients"] as const).map((value) => ({
              value,
              label: t(`recovery:ways.${value}`),
            }))}
            onChange={(value) => setWay(value as Way)}
          />
          {way === "passphrase" ? (
            <>
              <Field label={t("recovery:passphrase")} hint={t("recovery:passphraseHint")} error={wrong.passphrase}>
                {(given) => (
                  <Input
                    {...given}
                    required
                    autoFocus
                    type="password"
                    autoComplete="new-password"
                    minLength={16}
                    value={passphrase}
                    onChange={(event) => setPassphrase(event.target.value)}
                  />
                )}
              </Field>
              <Field label={t("recovery:again")} error={wrong.again}>
                {(given) => (
                  <Input
                    {...given}
                    required
                    type="password"
                    autoComplete="new-password"
                    value={again}
                    onChange={(event) => setAgain(event.target.value)}
                  />
                )}
              </Field>
            </>
          ) : (
            <Field label={t("recovery:recipients")} hint={t("recovery:recipientsHint")} error={wrong.recipients}>
              {(given) => (
                <Area
                  {...given}
                  required
                  spellCheck={false}
                  className="font-mono text-xs"
                  value={recipients}
                  onChange={(event) => setRecipients(event.target.value)}
                />
              )}
            </Field>
          )}
        </>
      )}
    </FormDialog>
  );
}

function differs(message: string): ApiError {
  return new ApiError(422, { code: "differs", message, details: { fields: [{ field: "again", message }] } });
}
