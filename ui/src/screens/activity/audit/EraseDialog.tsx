import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { auditErase } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { useAddress } from "@/shell/address";
import { asError, data } from "@/shell/api";
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
  const erase = useMutation({
    mutationFn: () => data(auditErase({ body: { actor: actor.trim(), reason: reason.trim(), confirm: WORD } })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: ({ rows }) => {
      toast.good(t("audit:erasedDone", { count: rows }));
      void queries.invalidateQueries({ queryKey: ["activity"] });
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("audit:eraseTitle")}
      lead={t("audit:eraseLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="danger" disabled={!able} busy={erase.isPending} onClick={() => erase.mutate()}>
            {t("audit:eraseVerb")}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (able) erase.mutate();
        }}
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
        {erase.error && <ErrorText error={asError(erase.error)} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
