import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { CopyButton } from "@/parts/small";

/** What signs the webhooks, this once. */
export function NewSecret({ secret, onClose }: { secret: string; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog
      open
      stays
      onOpenChange={onClose}
      title={t("alerts:secretOnce")}
      lead={t("alerts:secretOnceLead")}
      foot={
        <Button look="primary" onClick={onClose}>
          {t("alerts:secretKept")}
        </Button>
      }
    >
      <div className="flex items-center gap-2 rounded-md border bg-sunken px-3 py-2">
        <code className="min-w-0 flex-1 text-xs [overflow-wrap:anywhere]">{secret}</code>
        <CopyButton text={secret} label={t("shell:copy")} />
      </div>
    </Dialog>
  );
}
