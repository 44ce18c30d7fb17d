import { useState } from "react";
import { useTranslation } from "react-i18next";
import { sessionPassword } from "@/api";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { data } from "@/shell/api";
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
  async function save() {
    const who = await data(sessionPassword({ body: { old_password: form.old, new_password: form.new } }));
    signedIn(who);
    void queries.invalidateQueries({ queryKey: ["sessions"] });
    void queries.invalidateQueries({ queryKey: ["tokens"] });
    toast.good(t("account:changed"));
  }
  return (
    <FormDialog
      title={t("account:changePassword")}
      lead={t("account:passwordLead")}
      verb={t("account:changePassword")}
      able={!differ}
      save={save}
      onClose={onClose}
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
    </FormDialog>
  );
}
