import { Check, CircleAlert, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { useStore } from "./store";
import { dismiss, toasts } from "./toasts";

export function Toasts() {
  const { t } = useTranslation();
  const shown = useStore(toasts);
  return (
    <section
      aria-live="polite"
      aria-label={t("shell:messages")}
      className="pointer-events-none fixed inset-x-3 bottom-16 z-60 grid justify-items-end gap-2 sm:bottom-4"
    >
      {shown.map((toast) => (
        <div
          key={toast.id}
          className="pointer-events-auto flex w-full animate-rise items-start gap-2.5 rounded-lg bg-raised py-2.5 pr-2 pl-3 shadow-float sm:w-[360px]"
        >
          {toast.tone === "good" && <Check className="mt-0.5 size-4 shrink-0 text-good" aria-hidden />}
          {toast.tone === "bad" && <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden />}
          <div className="min-w-0 flex-1 break-words">
            <p className="font-medium first-letter:uppercase">{toast.title}</p>
            {toast.more && <p className="text-muted text-xs">{toast.more}</p>}
          </div>
          {toast.action && (
            <Button
              size="small"
              onClick={() => {
                toast.action?.run();
                dismiss(toast.id);
              }}
            >
              {toast.action.label}
            </Button>
          )}
          <Button
            look="quiet"
            size="small"
            className="px-1"
            aria-label={t("shell:close")}
            icon={<X />}
            onClick={() => dismiss(toast.id)}
          />
        </div>
      ))}
    </section>
  );
}
