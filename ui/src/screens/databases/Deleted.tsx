import { useMutation } from "@tanstack/react-query";
import { Trash2, Undo2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databasePurge, databaseUndelete } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Time } from "@/parts/small";
import { useBegun } from "@/parts/useBegun";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";

/** Until its grace is over a deleted database is brought back as it was; before that it can be destroyed for good. */
export function Deleted({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const begun = useBegun("databases");
  const [asked, setAsked] = useState(false);
  const path = { database_id: database.id };
  const back = useMutation({
    mutationFn: () => data(databaseUndelete({ path })),
    networkMode: "always",
    onSuccess: begun,
  });
  return (
    <div className="m-4 mb-0 flex flex-wrap items-center gap-3 rounded-lg border bg-sunken px-4 py-3 sm:m-6 sm:mb-0">
      <Trash2 className="size-5 text-muted" aria-hidden />
      <div className="min-w-56 flex-1">
        <p className="font-medium">
          {t("databases:deletedAt")} <Time at={database.deleted_at} />
        </p>
        <p className="text-muted text-xs">
          {t("databases:purgeAfter")} <Time at={database.purge_after} />
        </p>
      </div>
      {can("database.undelete") && (
        <Button look="primary" icon={<Undo2 />} busy={back.isPending} onClick={() => back.mutate()}>
          {t("databases:undelete")}
        </Button>
      )}
      {can("database.purge") && <Button onClick={() => setAsked(true)}>{t("databases:purge")}</Button>}
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        danger
        name={database.name}
        title={t("databases:purgeTitle", { name: database.name })}
        lead={t("databases:purgeLead")}
        verb={t("databases:purge")}
        act={async () => begun(await data(databasePurge({ path, body: { confirm: database.name } })))}
      />
    </div>
  );
}
