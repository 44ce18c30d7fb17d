import { useMutation } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ProviderOut, ssoProviderCreate, ssoProviderUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { useGo } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { PlaceFields } from "../shared/Place";
import { RoleSelect } from "../shared/RoleSelect";
import { bodyOf, changeOf, type Draft, draftOf, line, type Rule, SWITCHES } from "./draft";

type Text = "name" | "issuer" | "client" | "secret" | "scopes" | "domains" | "claim";

/** Makes an OpenID provider known, or changes it; its issuer stays what it is. */
export function ProviderForm({ provider, onClose }: { provider?: ProviderOut; onClose: () => void }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const [draft, setDraft] = useState<Draft>(() => draftOf(provider));
  const [key] = useState(once);
  const set = (patch: Partial<Draft>) => setDraft((before) => ({ ...before, ...patch }));
  const save = useMutation({
    mutationFn: () =>
      provider
        ? data(
            ssoProviderUpdate({
              path: { provider_id: provider.id },
              body: changeOf(draft),
              headers: { "If-Match": `"v${provider.version}"` },
            }),
          )
        : data(ssoProviderCreate({ body: bodyOf(draft), headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (saved) => {
      queries.setQueryData(["sso", "providers", saved.id], saved);
      void queries.invalidateQueries({ queryKey: ["sso"] });
      onClose();
      if (!provider) go(`/settings/sign-in/${saved.id}`);
    },
  });
  const error = save.error ? asError(save.error) : null;
  const wrong = error?.fields ?? {};
  const text = (name: Text, label: string, more: { hint?: string; field?: string; required?: boolean } = {}) => (
    <Field label={t(`sso:${label}`)} hint={more.hint && t(`sso:${more.hint}`)} error={more.field && wrong[more.field]}>
      {(given) => (
        <Input
          {...given}
          type={name === "secret" ? "password" : "text"}
          required={more.required}
          autoFocus={name === "name" && !provider}
          autoComplete={name === "secret" ? "new-password" : "off"}
          spellCheck={false}
          value={draft[name]}
          onChange={(event) => set({ [name]: event.target.value })}
        />
      )}
    </Field>
  );
  const switches = SWITCHES.filter((each) => each !== "private" || can("system.admin"));
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={onClose}
      title={t(provider ? "sso:edit" : "sso:new")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="provider-form" busy={save.isPending}>
            {t(provider ? "shell:save" : "sso:create")}
          </Button>
        </>
      }
    >
      <form
        id="provider-form"
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {error && <ErrorText error={error} />}
        {text("name", "name", { field: "name", required: true })}
        {!provider && text("issuer", "issuer", { hint: "issuerHint", field: "issuer", required: true })}
        {text("client", "clientId", { field: "client_id", required: true })}
        {text("secret", "secret", { hint: provider?.has_secret ? "secretKept" : "secretHint" })}
        {text("scopes", "scopes", { field: "scopes", required: true })}
        {text("domains", "domains", { hint: "domainsHint", field: "allowed_domains" })}
        {text("claim", "claim", { field: "group_claim", required: true })}
        <fieldset className="grid gap-2">
          {switches.map((each) => (
            <label key={each} className="flex items-center gap-2 pointer-coarse:min-h-10">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={draft[each]}
                onChange={(event) => set({ [each]: event.target.checked })}
              />
              {t(`sso:${each}`)}
            </label>
          ))}
        </fieldset>
        <Mapping rules={draft.rules} onChange={(rules) => set({ rules })} />
      </form>
    </Dialog>
  );
}

function Mapping({ rules, onChange }: { rules: readonly Rule[]; onChange: (rules: readonly Rule[]) => void }) {
  const { t } = useTranslation();
  const patch = (id: string, change: Partial<Rule>) =>
    onChange(rules.map((each) => (each.id === id ? { ...each, ...change } : each)));
  return (
    <fieldset className="grid gap-3">
      <legend className="font-medium text-xs">{t("sso:mapping")}</legend>
      <p className="text-muted text-xs">{t("sso:mappingLead")}</p>
      {rules.map((rule) => (
        <div key={rule.id} className="grid gap-3 rounded-lg border p-3">
          <div className="grid gap-3 sm:grid-cols-2">
            <Field label={t("sso:group")}>
              {(given) => (
                <Input
                  {...given}
                  required
                  autoComplete="off"
                  value={rule.group}
                  onChange={(event) => patch(rule.id, { group: event.target.value })}
                />
              )}
            </Field>
            <Field label={t("roles:one")}>
              {(given) => <RoleSelect {...given} value={rule.role} onChange={(role) => patch(rule.id, { role })} />}
            </Field>
          </div>
          <PlaceFields everywhere value={rule} onChange={(place) => patch(rule.id, place)} />
          <Button
            size="small"
            className="justify-self-end"
            icon={<Trash2 />}
            onClick={() => onChange(rules.filter(({ id }) => id !== rule.id))}
          >
            {t("sso:removeRule")}
          </Button>
        </div>
      ))}
      <Button className="justify-self-start" icon={<Plus />} onClick={() => onChange([...rules, line()])}>
        {t("sso:addRule")}
      </Button>
    </fieldset>
  );
}
