import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { sessionPassword } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { signedIn } from "@/shell/session";
import { toast } from "@/shell/toasts";

const FIELDS = [
  ["old", "current-password", undefined],
  ["new", "new-password", "newHint"],
  ["again", "new-password", undefined],
] as const;

export function ChangePassword({ email, onClose }: { email: string; onClose: () => void }) {
  const { t } = useTranslation();
  const [form, setForm] = useState({ old: "", new: "", again: "" });
  const differ = form.again !== "" && form.again !== form.new;
  const save = useMutation({
    mutationFn: () => data(sessionPassword({ body: { old_password: form.old, new_password: form.new } })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (who) => {
      signedIn(who);
      void queries.invalidateQueries({ queryKey: ["sessions"] });
      void queries.invalidateQueries({ queryKey: ["tokens"] });
      toast.good(t("account:changed"));
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("account:changePassword")}
      lead={t("account:passwordLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="password-form" busy={save.isPending}>
            {t("account:changePassword")}
          </Button>
        </>
      }
    >
      <form
        id="password-form"
        className="grid gap-3.5"
        onSubmit={(event) => {
          event.preventDefault();
          if (form.again === form.new) save.mutate();
        }}
      >
        <input
          type="email"
          className="sr-only"
          aria-hidden
          tabIndex={-1}
          readOnly
          autoComplete="username"
          value={email}
        />
        {FIELDS.map(([name, complete, hint]) => (
          <Field
            key={name}
            label={t(`account:${name}`)}
            hint={hint && t(`account:${hint}`)}
            error={name === "again" && differ ? t("account:differ") : null}
          >
            {(given) => (
              <Input
                {...given}
                type="password"
                required
                minLength={name === "old" ? undefined : 12}
                autoComplete={complete}
                autoFocus={name === "old"}
                value={form[name]}
                onChange={(event) => setForm({ ...form, [name]: event.target.value })}
              />
            )}
          </Field>
        ))}
        {save.isError && <ErrorText error={asError(save.error)} />}
      </form>
    </Dialog>
  );
}
