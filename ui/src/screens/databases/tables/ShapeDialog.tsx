import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { StepsOut } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { type ApiError, asError } from "@/shell/api";
import { toast } from "@/shell/toasts";

interface Props {
  title: string;
  lead?: string;
  verb: string;
  danger?: boolean;
  /** Enough was said to ask for the statements. */
  able: boolean;
  ask: (preview: boolean) => Promise<StepsOut>;
  onDone: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** A change of a table's shape: its statements are shown first, and run in one transaction. */
export function ShapeDialog({ title, lead, verb, danger, able, ask, onDone, onClose, children }: Props) {
  const { t } = useTranslation();
  const [steps, setSteps] = useState<StepsOut | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  async function go() {
    setBusy(true);
    setError(null);
    try {
      const answer = await ask(steps === null);
      if (steps === null) setSteps(answer);
      else {
        toast.good(t("tables:shapeChanged"));
        onDone();
      }
    } catch (thrown) {
      setError(asError(thrown));
    } finally {
      setBusy(false);
    }
  }
  const empty = steps !== null && steps.statements.length === 0;
  return (
    <Dialog open wide onOpenChange={(open) => !open && onClose()} title={title} lead={lead}>
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          void go();
        }}
      >
        <fieldset disabled={steps !== null} className="contents">
          {children}
        </fieldset>
        {steps && (
          <div className="grid gap-1">
            <p className="font-medium text-xs">{t(empty ? "tables:noStatements" : "tables:statements")}</p>
            {!empty && (
              <pre className="max-h-60 overflow-auto whitespace-pre-wrap rounded-md bg-sunken p-3 font-mono text-xs">
                {steps.statements.map((each) => `${each};`).join("\n")}
              </pre>
            )}
            {steps.rebuilt && <p className="text-warn text-xs">{t("tables:rebuilt")}</p>}
          </div>
        )}
        {error && <ErrorText error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={steps ? () => setSteps(null) : onClose}>{t(steps ? "tables:back" : "shell:cancel")}</Button>
          <Button
            look={steps && danger ? "danger" : "primary"}
            type="submit"
            busy={busy}
            disabled={steps ? empty : !able}
          >
            {steps ? verb : t("tables:showStatements")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
