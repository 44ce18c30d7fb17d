import { useTranslation } from "react-i18next";
import { Area, Field, Input, Select } from "@/parts/Field";
import { Segments } from "@/parts/Setting";
import { SshFields } from "./SshFields";
import type { TargetDraft, Traits } from "./target";

const TLS = ["disable", "require", "verify-ca", "verify-full"] as const;

export interface TargetProps {
  draft: TargetDraft;
  set: (patch: Partial<TargetDraft>) => void;
  /** By the field's name as the API has it, without `target.`. */
  wrong: Readonly<Record<string, string>>;
}

/** Address, login, TLS and tunnel of a server, or the path of a file. */
export function TargetFields({
  draft,
  set,
  wrong,
  traits,
  environment,
}: TargetProps & { traits: Traits; environment: string }) {
  const { t } = useTranslation();
  const text = (
    name: keyof TargetDraft,
    api: string,
    more: { hint?: string; placeholder?: string | undefined; secret?: boolean; numeric?: boolean } = {},
  ) => (
    <Field key={name} label={t(`external:${name}`)} hint={more.hint} error={wrong[api]}>
      {(given) => (
        <Input
          {...given}
          type={more.secret ? "password" : "text"}
          inputMode={more.numeric ? "numeric" : undefined}
          autoComplete={more.secret ? "new-password" : "off"}
          spellCheck={false}
          placeholder={more.placeholder}
          value={String(draft[name])}
          onChange={(event) => set({ [name]: event.target.value })}
        />
      )}
    </Field>
  );
  if (traits.files) return text("path", "path", { hint: t("external:pathHint"), placeholder: "/srv/notes/notes.db" });
  return (
    <>
      <Segments
        label={t("external:how")}
        value={draft.how}
        options={(["fields", "url"] as const).map((value) => ({ value, label: t(`external:hows.${value}`) }))}
        onChange={(how) => set({ how: how as TargetDraft["how"] })}
      />
      {draft.how === "url" ? (
        text("url", "url", { hint: t("external:urlHint"), secret: true })
      ) : (
        <>
          <div className="grid grid-cols-[1fr_96px] items-start gap-3">
            {text("host", "host", { placeholder: "db.example.org" })}
            {text("port", "port", {
              placeholder: traits.default_port ? String(traits.default_port) : "",
              numeric: true,
            })}
          </div>
          {!traits.only_database && text("database", "database", { placeholder: traits.default_database ?? "" })}
          <div className="grid items-start gap-3 sm:grid-cols-2">
            {text("user", "user", { placeholder: traits.default_user ?? "" })}
            {text("password", "password", { secret: true })}
          </div>
        </>
      )}
      {traits.reader_role && (
        <details className="border-t pt-3" open={Boolean(wrong.reader_user ?? wrong.reader_password) || undefined}>
          <summary className="font-medium text-muted text-xs hover:text-text">{t("external:reader")}</summary>
          <p className="mt-2 text-muted text-xs">{t("external:readerLead")}</p>
          <div className="mt-3 grid items-start gap-3 sm:grid-cols-2">
            {text("readerUser", "reader_user")}
            {text("readerPassword", "reader_password", { secret: true })}
          </div>
        </details>
      )}
      <details
        className="border-t pt-3"
        open={["tls", "ca", "certificate", "key"].some((each) => wrong[each]) || undefined}
      >
        <summary className="font-medium text-muted text-xs hover:text-text">TLS</summary>
        <div className="mt-3 grid gap-4">
          <Field label={t("external:tls")} hint={t("external:tlsHint")} error={wrong.tls}>
            {(given) => (
              <Select {...given} value={draft.tls} onChange={(event) => set({ tls: event.target.value })}>
                <option value="">{t("external:tlsModes.usual")}</option>
                {TLS.map((each) => (
                  <option key={each} value={each}>
                    {t(`external:tlsModes.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          {(["ca", "certificate", "key"] as const).map((each) => (
            <Pem
              key={each}
              label={t(`external:${each}`)}
              error={wrong[each]}
              value={draft[each]}
              set={(value) => set({ [each]: value })}
            />
          ))}
        </div>
      </details>
      <SshFields {...{ draft, set, wrong, environment }} />
    </>
  );
}

interface PemProps {
  label: string;
  error: string | undefined;
  value: string;
  set: (value: string) => void;
}

export function Pem({ label, error, value, set }: PemProps) {
  return (
    <Field label={label} error={error}>
      {(given) => (
        <Area
          {...given}
          spellCheck={false}
          autoComplete="off"
          className="min-h-16 font-mono text-xs"
          placeholder="-----BEGIN…"
          value={value}
          onChange={(event) => set(event.target.value)}
        />
      )}
    </Field>
  );
}
