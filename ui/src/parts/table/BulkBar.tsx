import { X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { asError } from "@/shell/api";
import { toast } from "@/shell/toasts";
import type { BulkAct } from "./types";

interface Props<R> {
  acts: readonly BulkAct<R>[];
  rows: R[];
  hasMore: boolean;
  onAll: () => Promise<void>;
  onClear: () => void;
}

/** Floats over the list while something is picked. */
export function BulkBar<R>({ acts, rows, hasMore, onAll, onClear }: Props<R>) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  async function all() {
    setBusy(true);
    try {
      await onAll();
    } catch (thrown) {
      toast.bad(asError(thrown).message);
    } finally {
      setBusy(false);
    }
  }
  return (
    <div
      role="toolbar"
      aria-label={t("shell:picked", { count: rows.length })}
      className="absolute inset-x-2 bottom-3 z-20 mx-auto flex w-fit max-w-full animate-rise flex-wrap items-center gap-1.5 rounded-xl bg-raised p-1.5 pl-3.5 shadow-float"
    >
      <span className="pr-1 font-medium" aria-live="polite">
        {t("shell:picked", { count: rows.length })}
      </span>
      {hasMore && (
        <Button look="quiet" size="small" busy={busy} onClick={() => void all()}>
          {t("shell:pickAllMatching")}
        </Button>
      )}
      <span className="mx-0.5 h-5 w-px bg-line" aria-hidden />
      {acts.map((act) => (
        <Button
          key={act.id}
          look={act.danger ? "danger" : "plain"}
          icon={act.icon}
          onClick={() => act.run(rows, onClear)}
        >
          {act.title}
        </Button>
      ))}
      <Button look="quiet" size="icon" aria-label={t("shell:clearPicked")} icon={<X />} onClick={onClear} />
    </div>
  );
}
