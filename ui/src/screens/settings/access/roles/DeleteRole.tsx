import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type RoleOut, roleDelete } from "@/api";
import { Confirm } from "@/parts/Confirm";
import { useGo } from "@/shell/address";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";

/** Asks once more, with who holds it, before it is taken from them. */
export function DeleteRole({ role, onClose }: { role: RoleOut; onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const [held, setHeld] = useState<string | null>(null);
  const asksAgain = useRef(false); // the first question closes itself before the second is drawn

  async function remove(force: boolean) {
    await data(roleDelete({ path: { role_id: role.id }, query: { force } }));
    onClose();
    go("/settings/roles");
    for (const key of ["roles", "grants", "people"]) void queries.invalidateQueries({ queryKey: [key] });
  }
  async function first() {
    try {
      await remove(false);
    } catch (thrown) {
      const error = asError(thrown);
      if (error.code !== "role_held") throw thrown;
      asksAgain.current = true;
      const counts = (error.details.held ?? {}) as Record<string, number>;
      setHeld(
        Object.entries(counts)
          .map(([what, count]) => t(`roles:heldBy.${what}`, { count }))
          .join(", "),
      );
    }
  }
  return held === null ? (
    <Confirm
      open
      onOpenChange={() => !asksAgain.current && onClose()}
      danger
      title={t("roles:deleteTitle", { name: role.name })}
      lead={t("roles:deleteLead")}
      verb={t("roles:delete")}
      act={first}
    />
  ) : (
    <Confirm
      key="held"
      open
      onOpenChange={onClose}
      danger
      title={t("roles:deleteTitle", { name: role.name })}
      lead={t("roles:held", { what: held })}
      verb={t("roles:deleteHeld")}
      name={role.name}
      act={() => remove(true)}
    />
  );
}
