import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { CopyButton } from "@/parts/small";

interface Props {
  title: string;
  lead: string;
  text: string;
  onClose: () => void;
  /** Beside "Done", such as a way to send it on. */
  foot?: ReactNode;
  children?: ReactNode;
}

/** What nobody can see again: it stays until it is dismissed on purpose. */
export function ShownOnce({ title, lead, text, onClose, foot, children }: Props) {
  const { t } = useTranslation();
  return (
    <Dialog
      open
      stays
      wide
      onOpenChange={onClose}
      title={title}
      lead={lead}
      foot={
        <>
          {foot}
          <Button look="primary" onClick={onClose}>
            {t("people:done")}
          </Button>
        </>
      }
    >
      <div className="grid gap-3">
        <div className="flex items-center gap-1 rounded-lg border bg-panel py-1 pr-1 pl-3">
          <code className="min-w-0 flex-1 break-all">{text}</code>
          <CopyButton text={text} label={t("shell:copy")} />
        </div>
        {children}
      </div>
    </Dialog>
  );
}
