import { useState } from "react";
import { useTranslation } from "react-i18next";
import { sessionStepUp, sessionStepUpOptions } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { byPasskey, canPasskey } from "@/screens/signin/passkey";
import { SignInForm } from "@/screens/signin/SignIn";
import { type ApiError, asError, data } from "./api";
import { gate } from "./gate";
import { signedIn, useWho } from "./session";
import { useStore } from "./store";

/** On top of the page, whose calls wait: the session is over, or something asks for the password again. */
export function GateDialogs() {
  const { t } = useTranslation();
  const who = useWho();
  const open = useStore(gate.open);
  return (
    <>
      <Dialog
        open={open === "sign-in"}
        onOpenChange={() => undefined}
        stays
        title={t("signin:over.title")}
        lead={t("signin:over.lead")}
      >
        <SignInForm
          email={who.display.includes("@") ? who.display : ""}
          onDone={(again) => {
            signedIn(again);
            gate.settle(true);
          }}
        />
      </Dialog>
      {open === "step-up" && <StepUp />}
    </>
  );
}

function StepUp() {
  const { t } = useTranslation();
  const [form, setForm] = useState({ password: "", code: "" });
  const [needsCode, setNeedsCode] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  async function attempt(work: () => Promise<unknown>) {
    setBusy(true);
    setError(null);
    try {
      await work();
      gate.settle(true);
    } catch (thrown) {
      const failed = asError(thrown);
      if (failed.code === "second_factor_required" && !needsCode) setNeedsCode(true);
      else setError(failed);
    } finally {
      setBusy(false);
    }
  }
  const { password, code } = form;
  const withPassword = () => data(sessionStepUp({ body: { password, ...(code && { code }) } }));
  async function withPasskey() {
    const passkey = await byPasskey(await data(sessionStepUpOptions()));
    if (!passkey) throw new Error("no passkey was used");
    await data(sessionStepUp({ body: { passkey } }));
  }
  return (
    <Dialog
      open
      onOpenChange={(next) => !next && gate.settle(false)}
      title={t("signin:stepUp.title")}
      lead={t("signin:stepUp.lead")}
    >
      <form
        className="grid gap-3.5"
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(withPassword);
        }}
      >
        <Field label={t("signin:password")}>
          {(given) => (
            <Input
              {...given}
              type="password"
              required
              autoFocus
              autoComplete="current-password"
              value={password}
              onChange={(event) => setForm({ ...form, password: event.target.value })}
            />
          )}
        </Field>
        {needsCode && (
          <Field label={t("signin:code")} hint={t("signin:codeHint")}>
            {(given) => (
              <Input
                {...given}
                autoFocus
                inputMode="numeric"
                autoComplete="one-time-code"
                value={code}
                onChange={(event) => setForm({ ...form, code: event.target.value })}
              />
            )}
          </Field>
        )}
        {error && <ErrorText error={error} />}
        <div className="flex justify-end gap-2">
          {canPasskey() && (
            <Button look="quiet" onClick={() => void attempt(withPasskey)}>
              {t("signin:passkeyInstead")}
            </Button>
          )}
          <Button look="primary" type="submit" busy={busy}>
            {t("signin:stepUp.button")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
