import { useState } from "react";
import { useTranslation } from "react-i18next";
import { inviteAccept, sessionCreate, sessionFirstRun, sessionReset, type WhoOut } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { ApiError, asError, data } from "@/shell/api";
import { Mark } from "@/shell/Rail";
import { Elsewhere } from "./Elsewhere";
import { clearLink, link } from "./link";
import { byPasskey, canPasskey, passkeyAlone } from "./passkey";

/** The whole page, for whoever is not signed in: sign in, or what a link of an e-mail or the terminal is for. */
export function SignInPage({ onDone }: { onDone: (who: WhoOut) => void }) {
  const { t } = useTranslation();
  const what = link?.what ?? "signIn";
  return (
    <main className="grid h-full grid-rows-[1fr_auto] justify-items-center overflow-y-auto bg-page px-4">
      <div className="w-full max-w-[340px] self-center py-10">
        <Mark className="size-8" />
        <h1 className="mt-5 font-semibold text-xl tracking-tight">{t(`signin:${what}.title`)}</h1>
        <p className="mt-1 mb-6 text-muted">{t(`signin:${what}.lead`)}</p>
        {link ? <FromLink onDone={onDone} /> : <SignInForm onDone={onDone} />}
      </div>
      <p className="pb-6 text-faint text-xs">Holdfast</p>
    </main>
  );
}

interface FormProps {
  onDone: (who: WhoOut) => void;
  /** The person whose session is over, in the dialog on top of the page. */
  email?: string;
}

/** E-mail and password; a second factor when the server asks for one. */
export function SignInForm({ onDone, email = "" }: FormProps) {
  const { t } = useTranslation();
  const [form, setForm] = useState({ email, password: "", code: "" });
  const [needsCode, setNeedsCode] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const put = (patch: Partial<typeof form>) => setForm((before) => ({ ...before, ...patch }));

  async function attempt(work: () => Promise<WhoOut>) {
    setBusy(true);
    setError(null);
    try {
      onDone(await work());
    } catch (thrown) {
      const failed = asError(thrown);
      if (failed.code === "unauthenticated")
        return setError(new ApiError(failed.status, { code: failed.code, message: t("signin:refused") }));
      if (failed.code !== "second_factor_required" || needsCode) return setError(failed);
      setNeedsCode(true);
      const passkey = await byPasskey(failed.details.passkey).catch(() => null);
      if (passkey) return await attempt(() => signIn({ passkey }));
    } finally {
      setBusy(false);
    }
  }
  function signIn(second: { code?: string; passkey?: never } | object) {
    const { email, password } = form;
    return data(sessionCreate({ body: { email, password, ...second } }));
  }
  return (
    <>
      <form
        className="grid gap-3.5"
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(() => signIn(needsCode && form.code ? { code: form.code.replaceAll(" ", "") } : {}));
        }}
      >
        <Field label={t("signin:email")}>
          {(given) => (
            <Input
              {...given}
              type="email"
              name="email"
              required
              autoFocus={!email}
              autoComplete="username webauthn"
              value={form.email}
              onChange={(event) => put({ email: event.target.value })}
            />
          )}
        </Field>
        <Field label={t("signin:password")}>
          {(given) => (
            <Input
              {...given}
              type="password"
              name="password"
              required
              autoFocus={Boolean(email)}
              autoComplete="current-password"
              value={form.password}
              onChange={(event) => put({ password: event.target.value })}
            />
          )}
        </Field>
        {needsCode && (
          <Field label={t("signin:code")} hint={t("signin:codeHint")}>
            {(given) => (
              <Input
                {...given}
                name="code"
                autoFocus
                inputMode="numeric"
                autoComplete="one-time-code"
                value={form.code}
                onChange={(event) => put({ code: event.target.value })}
              />
            )}
          </Field>
        )}
        {error && <ErrorText error={error} />}
        <Button look="primary" type="submit" busy={busy} className="mt-1 w-full">
          {t("signin:signIn.button")}
        </Button>
      </form>
      <div className="mt-3 grid gap-2">
        {canPasskey() && (
          <Button look="quiet" className="w-full" onClick={() => void attempt(passkeyAlone)}>
            {t("signin:passkey")}
          </Button>
        )}
        <Elsewhere />
      </div>
    </>
  );
}

function FromLink({ onDone }: FormProps) {
  const { t } = useTranslation();
  const [form, setForm] = useState({ email: "", name: "", password: "" });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const what = link?.what ?? "owner";
  const token = link?.token ?? "";

  async function go() {
    setBusy(true);
    setError(null);
    const { email, name, password } = form;
    try {
      if (what === "reset") {
        await data(sessionReset({ body: { token, password } }));
        clearLink();
        location.replace("/");
        return;
      }
      const who =
        what === "owner"
          ? await data(sessionFirstRun({ body: { token, email, password } }))
          : await data(inviteAccept({ body: { token, name, password } }));
      clearLink();
      if (what === "owner") history.replaceState(null, "", "/start"); // where the router begins
      onDone(who as WhoOut);
    } catch (thrown) {
      setError(asError(thrown));
    } finally {
      setBusy(false);
    }
  }
  return (
    <form
      className="grid gap-3.5"
      onSubmit={(event) => {
        event.preventDefault();
        void go();
      }}
    >
      {what === "owner" && (
        <Field label={t("signin:email")} error={error?.fields.email}>
          {(given) => (
            <Input
              {...given}
              type="email"
              required
              autoFocus
              autoComplete="username"
              value={form.email}
              onChange={(event) => setForm({ ...form, email: event.target.value })}
            />
          )}
        </Field>
      )}
      {what === "invite" && (
        <Field label={t("signin:name")} error={error?.fields.name}>
          {(given) => (
            <Input
              {...given}
              required
              autoFocus
              autoComplete="name"
              value={form.name}
              onChange={(event) => setForm({ ...form, name: event.target.value })}
            />
          )}
        </Field>
      )}
      <Field label={t("signin:newPassword")} hint={t("signin:newPasswordHint")} error={error?.fields.password}>
        {(given) => (
          <Input
            {...given}
            type="password"
            required
            minLength={12}
            autoComplete="new-password"
            value={form.password}
            onChange={(event) => setForm({ ...form, password: event.target.value })}
          />
        )}
      </Field>
      {error && <ErrorText error={error} />}
      <Button look="primary" type="submit" busy={busy} className="mt-1 w-full">
        {t(`signin:${what}.button`)}
      </Button>
    </form>
  );
}
