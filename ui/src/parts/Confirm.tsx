import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { asError } from "@/shell/api";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { ErrorText } from "./ErrorPanel";
import { Field, Input } from "./Field";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  lead: ReactNode;
  /** Verb and object: "Delete database". */
  verb: string;
  /** To be typed before the button works; without it a click is enough. */
  name?: string;
  danger?: boolean;
  act: () => Promise<unknown>;
}

/** Asks once before what cannot be taken back. Stays open with the error when it fails. */
export function Confirm({ open, onOpenChange, title, lead, verb, name, danger, act }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>(null);
  const able = name === undefined || typed === name;

  function close(next: boolean) {
    setTyped("");
    setFailed(null);
    onOpenChange(next);
  }
  async function go() {
    if (!able || busy) return;
    setBusy(true);
    setFailed(null);
    try {
      await act();
      close(false);
    } catch (error) {
      setFailed(error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <Dialog
      open={open}
      onOpenChange={close}
      title={title}
      lead={lead}
      foot={
        <>
          <Button onClick={() => close(false)}>{t("shell:cancel")}</Button>
          <Button look={danger ? "danger" : "primary"} disabled={!able} busy={busy} onClick={go}>
            {verb}
          </Button>
        </>
      }
    >
      {(name !== undefined || failed !== null) && (
        <form
          className="grid gap-3"
          onSubmit={(event) => {
            event.preventDefault();
            void go();
          }}
        >
          {name !== undefined && (
            <Field label={t("shell:typeName", { name })}>
              {(given) => (
                <Input
                  {...given}
                  value={typed}
                  autoComplete="off"
                  spellCheck={false}
                  className="font-mono"
                  onChange={(event) => setTyped(event.target.value)}
                />
              )}
            </Field>
          )}
          {failed !== null && <ErrorText error={asError(failed)} />}
        </form>
      )}
    </Dialog>
  );
}
