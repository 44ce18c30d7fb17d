import { FileJson } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import type { Own } from "./useOperations";

/** Where the version declares nothing: whether its code has a document itself, such as FastAPI makes. */
export function OwnDocument({ own }: { own: Own }) {
  const { t } = useTranslation();
  const { path, state, fault } = own;
  if (state === "read") return <p className="text-muted text-xs">{t("code:own.read", { path })}</p>;
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
      <Button size="small" icon={<FileJson />} busy={state === "reading"} onClick={own.read}>
        {t("code:own.ask", { path })}
      </Button>
      <p role="status" className="text-muted text-xs">
        {fault ? t(`code:own.${fault.why}`, { path, ...fault }) : t("code:own.lead")}
      </p>
    </div>
  );
}
