import { useTranslation } from "react-i18next";
import { CopyButton } from "@/parts/small";
import { ShownOnce } from "../shared/ShownOnce";

export function KeyShown({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  const { t } = useTranslation();
  const use = `curl -H "Authorization: Bearer $HOLDFAST_KEY" ${location.origin}/api/v1/session`;
  return (
    <ShownOnce
      title={t("apikeys:secretTitle", { name })}
      lead={t("apikeys:secretLead")}
      text={secret}
      onClose={onClose}
    >
      <div>
        <p className="mb-1 text-muted text-xs">{t("apikeys:use")}</p>
        <div className="flex items-start gap-1 rounded-lg border bg-panel py-1 pr-1 pl-3">
          <code className="min-w-0 flex-1 break-all py-1 text-xs">{use}</code>
          <CopyButton text={use} label={t("shell:copy")} />
        </div>
      </div>
    </ShownOnce>
  );
}
