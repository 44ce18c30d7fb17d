import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { type ApiError, asError } from "@/shell/api";
import { type KeyName, typedName } from "./names";

interface Props {
  name: string;
  act: (to: KeyName) => Promise<unknown>;
  onClose: () => void;
}

export function RenameDialog({ name, act, onClose }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(name);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  async function save() {
    setBusy(true);
    setError(null);
    try {
      await act(typedName(typed));
      onClose();
    } catch (thrown) {
      setError(asError(thrown));
    } finally {
      setBusy(false);
    }
  }
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={t("keys:rename")} lead={t("keys:renameLead")}>
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Field label={t("keys:name")} hint={t("keys:nameHint")}>
          {(given) => (
            <Input
              {...given}
              autoFocus
              required
              spellCheck={false}
              className="font-mono"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          )}
        </Field>
        {error && <ErrorText error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" busy={busy}>
            {t("keys:rename")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
