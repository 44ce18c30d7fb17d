import { useTranslation } from "react-i18next";
import { Field, Input, Select } from "@/parts/Field";
import { type Draft, SECURITIES } from "./draft";

interface Props {
  draft: Draft;
  set: (patch: Partial<Draft>) => void;
  /** It exists already: the password that is kept stays unless another one is typed. */
  kept: boolean;
  fields: Record<string, string>;
}

export function MailFields({ draft, set, kept, fields }: Props) {
  const { t } = useTranslation();
  return (
    <div className="grid grid-cols-2 items-start gap-3 *:min-w-0">
      <Field label={t("alerts:host")} error={fields["email.host"] ?? null}>
        {(given) => (
          <Input
            {...given}
            placeholder="smtp.example.org"
            autoComplete="off"
            value={draft.host}
            onChange={(e) => set({ host: e.target.value })}
          />
        )}
      </Field>
      <Field label={t("alerts:port")} error={fields["email.port"] ?? null} aside={t("shell:optional")}>
        {(given) => (
          <Input {...given} inputMode="numeric" value={draft.port} onChange={(e) => set({ port: e.target.value })} />
        )}
      </Field>
      <Field label={t("alerts:security")}>
        {(given) => (
          <Select
            {...given}
            value={draft.security}
            onChange={(e) => set({ security: SECURITIES.find((each) => each === e.target.value) ?? "starttls" })}
          >
            {SECURITIES.map((each) => (
              <option key={each} value={each}>
                {t(`alerts:securities.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <span />
      <Field label={t("alerts:username")} aside={t("shell:optional")}>
        {(given) => (
          <Input
            {...given}
            autoComplete="off"
            value={draft.username}
            onChange={(e) => set({ username: e.target.value })}
          />
        )}
      </Field>
      <Field
        label={t("alerts:password")}
        hint={kept ? t("alerts:passwordKept") : undefined}
        aside={kept ? t("shell:optional") : undefined}
        error={fields["email.password"] ?? null}
      >
        {(given) => (
          <Input
            {...given}
            type="password"
            autoComplete="new-password"
            value={draft.password}
            onChange={(e) => set({ password: e.target.value })}
          />
        )}
      </Field>
      <Field label={t("alerts:sender")} error={fields["email.sender"] ?? null}>
        {(given) => (
          <Input
            {...given}
            type="email"
            placeholder="holdfast@example.org"
            value={draft.sender}
            onChange={(e) => set({ sender: e.target.value })}
          />
        )}
      </Field>
      <Field label={t("alerts:senderName")} aside={t("shell:optional")}>
        {(given) => <Input {...given} value={draft.senderName} onChange={(e) => set({ senderName: e.target.value })} />}
      </Field>
      <div className="col-span-2">
        <Field label={t("alerts:to")} hint={t("alerts:toHint")} error={fields["email.to"] ?? null}>
          {(given) => (
            <Input
              {...given}
              placeholder="ops@example.org"
              value={draft.to}
              onChange={(e) => set({ to: e.target.value })}
            />
          )}
        </Field>
      </div>
    </div>
  );
}
