import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Setting } from "@/parts/Setting";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";
import { stale } from "../useWorker";
import { ConfirmDelete, switched } from "../Verbs";

/** What ends its service. */
export function Danger({ worker }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const [asked, setAsked] = useState<"disable" | "delete" | null>(null);
  const enable = useMutation({
    mutationFn: () => data(switched(worker, true)),
    networkMode: "always",
    onSuccess: () => stale(worker.id),
  });
  const close = (open: boolean) => !open && setAsked(null);
  return (
    <div>
      {can("worker.update") &&
        (worker.enabled ? (
          <Setting title={t("workers:disable")} lead={t("workers:disableLead")}>
            <Button onClick={() => setAsked("disable")}>{t("workers:disable")}</Button>
          </Setting>
        ) : (
          <Setting title={t("workers:enable")} lead={t("workers:enableLead")}>
            <Button busy={enable.isPending} onClick={() => enable.mutate()}>
              {t("workers:enable")}
            </Button>
          </Setting>
        ))}
      {can("worker.delete") && (
        <Setting title={t("workers:delete")} lead={t("workers:deleteLead")}>
          <Button look="danger" onClick={() => setAsked("delete")}>
            {t("workers:delete")}
          </Button>
        </Setting>
      )}
      <Confirm
        open={asked === "disable"}
        onOpenChange={close}
        title={t("workers:disableTitle", { name: worker.name })}
        lead={t("workers:disableLead")}
        verb={t("workers:disable")}
        act={async () => {
          await data(switched(worker, false));
          stale(worker.id);
        }}
      />
      <ConfirmDelete worker={worker} open={asked === "delete"} onOpenChange={close} />
    </div>
  );
}
