import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { CopyButton } from "@/parts/small";

/** Shown this once; closing says they are kept. */
export function RecoveryCodes({ codes, onClose }: { codes: readonly string[]; onClose: () => void }) {
  const { t } = useTranslation();
  function download() {
    const file = new Blob([`${codes.join("\n")}\n`], { type: "text/plain" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = "holdfast-recovery-codes.txt";
    link.click();
    URL.revokeObjectURL(link.href);
  }
  return (
    <Dialog
      open
      stays
      onOpenChange={onClose}
      title={t("factors:keep")}
      lead={t("factors:keepLead")}
      foot={
        <>
          <CopyButton text={codes.join("\n")} label={t("shell:copy")} />
          <Button onClick={download}>{t("factors:download")}</Button>
          <Button look="primary" onClick={onClose}>
            {t("factors:kept")}
          </Button>
        </>
      }
    >
      <ul className="grid grid-cols-2 gap-1 rounded-lg border bg-panel p-3 font-mono">
        {codes.map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
    </Dialog>
  );
}
