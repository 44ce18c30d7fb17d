import { Check, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { Input } from "@/parts/Field";
import { Time } from "@/parts/small";
import { lasted } from "@/parts/text";
import { useStore } from "@/shell/store";
import { found, type Kept } from "./kept";

/** What was run here before; kept in this browser only. */
export function HistorySheet({
  kept,
  onPick,
  onClose,
}: {
  kept: Kept;
  onPick: (text: string) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const history = useStore(kept.history);
  const [typed, setTyped] = useState("");
  const some = found(history, typed);
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("sql:history")}
      lead={t("sql:historyLead")}
      foot={
        history.length > 0 && (
          <Button look="quiet" onClick={() => kept.forget()}>
            {t("sql:forget")}
          </Button>
        )
      }
    >
      {history.length > 0 && (
        <Input
          type="search"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          placeholder={t("sql:findHistory")}
          aria-label={t("sql:findHistory")}
          className="mb-2"
        />
      )}
      {some.length === 0 && (
        <p className="py-6 text-center text-muted">{t(history.length > 0 ? "shell:noMatch" : "sql:noHistory")}</p>
      )}
      <ul className="-mx-2 grid gap-0.5">
        {some.map((run) => (
          <li key={run.at + run.statement.slice(0, 40)}>
            <button
              type="button"
              onClick={() => onPick(run.statement)}
              className="inset-ring-focus grid w-full gap-1 rounded-md px-2 py-2 text-left hover:bg-hover"
            >
              <span className="line-clamp-3 whitespace-pre-wrap break-words font-mono text-xs">
                {run.statement.slice(0, 600)}
              </span>
              <span className="flex items-center gap-1.5 text-faint text-xs">
                {run.ok ? (
                  <Check className="size-3 text-good" aria-label={t("sql:went")} />
                ) : (
                  <X className="size-3 text-bad" aria-label={t("sql:failed")} />
                )}
                <Time at={run.at} /> · {lasted(run.ms / 1000)}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
