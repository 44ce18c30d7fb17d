import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { databasePasswordRotate, databaseStart, databaseStop } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Setting } from "@/parts/Setting";
import { useBegun } from "@/parts/useBegun";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { isAble, isForeign } from "../able";
import { ConfirmDelete } from "../ConfirmDelete";
import type { TabProps } from "../tabs";

/** What stops programs that use it. Each says what happens, and asks for the name where it cannot be undone at once. */
export function Danger({ database, engine }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const begun = useBegun("databases");
  const [asked, setAsked] = useState<"rotate" | "delete" | "stop" | null>(null);
  const path = { database_id: database.id };
  const start = useMutation({
    mutationFn: () => data(databaseStart({ path })),
    networkMode: "always",
    onSuccess: begun,
  });
  const ours = !isForeign(database);
  const close = (open: boolean) => !open && setAsked(null);
  return (
    <div>
      {ours && database.host === "process" && database.state === "ready" && can("database.stop") && (
        <Setting title={t("dbsettings:stop")} lead={t("dbsettings:stopLead")}>
          <Button onClick={() => setAsked("stop")}>{t("databases:stop")}</Button>
        </Setting>
      )}
      {["stopped", "failed"].includes(database.state) && can("database.start") && (
        <Setting title={t("dbsettings:start")} lead={t("dbsettings:startLead")}>
          <Button busy={start.isPending} onClick={() => start.mutate()}>
            {t("databases:start")}
          </Button>
        </Setting>
      )}
      {ours && isAble(engine, "rotate") && database.state === "ready" && can("database.password.rotate") && (
        <Setting title={t("dbsettings:rotate")} lead={t("dbsettings:rotateLead")}>
          <Button onClick={() => setAsked("rotate")}>{t("dbsettings:rotateVerb")}</Button>
        </Setting>
      )}
      {can("database.delete") && (
        <Setting
          title={t("databases:delete")}
          lead={t(database.deletion_protection ? "dbsettings:deleteProtected" : "databases:deleteLead")}
        >
          <Button look="danger" disabled={database.deletion_protection} onClick={() => setAsked("delete")}>
            {t("databases:delete")}
          </Button>
        </Setting>
      )}
      <Confirm
        open={asked === "stop"}
        onOpenChange={close}
        title={t("dbsettings:stopTitle", { name: database.name })}
        lead={t("dbsettings:stopLead")}
        verb={t("databases:stop")}
        act={async () => begun(await data(databaseStop({ path })))}
      />
      <Confirm
        open={asked === "rotate"}
        onOpenChange={close}
        danger
        name={database.name}
        title={t("dbsettings:rotateTitle", { name: database.name })}
        lead={t("dbsettings:rotateLead")}
        verb={t("dbsettings:rotateVerb")}
        act={async () => begun(await data(databasePasswordRotate({ path, body: { confirm: database.name } })))}
      />
      <ConfirmDelete database={database} open={asked === "delete"} onOpenChange={close} />
    </div>
  );
}
