import { useTranslation } from "react-i18next";
import { grantDelete, type ShownGrantOut } from "@/api";
import { Confirm } from "@/parts/Confirm";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";

export function TakeBack({ grants, onClose }: { grants: readonly ShownGrantOut[]; onClose: () => void }) {
  const { t } = useTranslation();
  const all = (texts: readonly string[]) => [...new Set(texts)].join(", ");
  return (
    <Confirm
      open
      onOpenChange={onClose}
      danger
      title={t("roles:takeTitle", {
        role: all(grants.map(({ role }) => role)),
        name: all(grants.map(({ name, email }) => name || email)),
      })}
      lead={t("roles:takeLead")}
      verb={t("roles:take")}
      act={async () => {
        for (const { id } of grants) await data(grantDelete({ path: { grant_id: id } }));
        toast.good(t("roles:taken"));
        await queries.invalidateQueries({ queryKey: ["grants"] });
      }}
    />
  );
}
