import { useState } from "react";
import { useTranslation } from "react-i18next";
import { auditErase } from "@/api";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";

const WORD = "erase";

/** Takes what identifies a person out of their rows for good. Says what stays, and asks for the word. */
export function EraseDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [search] = useAddress();
  const [actor, setActor] = useState(search.actor ?? "");
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const able = actor.trim() !== "" && reason.trim() !== "" && typed === WORD;
  async function erase() {
    const body = { actor: actor.trim(), reason: reason.trim(), confirm: WORD } as const;
    const { rows } = await data(auditErase({ body }));
    toast.good(t("audit:erasedDone", { count: rows }));
    void queries.invalidateQueries({ queryKey: ["activity"] });
  }
  return (
    <FormDialog
      danger
      title={t("audit:eraseTitle")}
      lead={t("audit:eraseLead")}
      verb={t("audit:eraseVerb")}
      able={able}
      save={erase}
      onClose={onClose}
    >
      <Field label={t("audit:actor")} hint={t("audit:actorHint")}>
        {(given) => (
          <Input
            {...given}
            className="font-mono"
            autoComplete="off"
            spellCheck={false}
            value={actor}
            onChange={(event) => setActor(event.target.value)}
          />
        )}
      </Field>
      <Field label={t("audit:reason")} hint={t("audit:reasonHint")}>
        {(given) => (
          <Input {...given} maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        )}
      </Field>
      <Field label={t("shell:typeName", { name: WORD })}>
        {(given) => (
          <Input
            {...given}
            className="font-mono"
            autoComplete="off"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}
