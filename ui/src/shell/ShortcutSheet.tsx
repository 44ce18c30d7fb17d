import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/parts/Dialog";
import { Keys } from "@/parts/small";
import { SHORTCUTS, shortcuts } from "./shortcuts";
import { useShortcut } from "./useShortcut";

const GROUPS = ["everywhere", "go", "list"] as const;

export function ShortcutSheet() {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  useShortcut("help", () => setOpen(true));
  return (
    <Dialog open={open} onOpenChange={setOpen} title={t("shell:shortcuts")} wide>
      <div className="grid gap-x-10 gap-y-5 sm:grid-cols-2">
        {GROUPS.map((group) => (
          <section key={group}>
            <h3 className="mb-1 font-medium text-muted text-xs">{t(`shell:groups.${group}`)}</h3>
            <dl>
              {SHORTCUTS.filter((each) => each.group === group && (group === "list" || shortcuts.isBound(each.id))).map(
                (each) => (
                  <div key={each.id} className="flex h-7 items-center justify-between gap-4">
                    <dt>{t(`shell:keys.${each.id.replace(".", "_")}`)}</dt>
                    <dd>
                      <span className="sr-only">{each.keys}</span>
                      <Keys keys={each.keys} />
                    </dd>
                  </div>
                ),
              )}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
