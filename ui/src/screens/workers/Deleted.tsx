import { useMutation } from "@tanstack/react-query";
import { Trash2, Undo2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { workerUndelete } from "@/api";
import { Button } from "@/parts/Button";
import { Time } from "@/parts/small";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import type { TabProps } from "./tabs";
import { stale } from "./useWorker";

/** Until its grace is over a deleted worker is brought back as it was. */
export function Deleted({ worker }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const back = useMutation({
    mutationFn: () => data(workerUndelete({ path: { worker_id: worker.id } })),
    networkMode: "always",
    onSuccess: () => stale(worker.id),
  });
  return (
    <div className="m-4 mb-0 flex flex-wrap items-center gap-3 rounded-lg border bg-sunken px-4 py-3 sm:m-6 sm:mb-0">
      <Trash2 className="size-5 text-muted" aria-hidden />
      <div className="min-w-56 flex-1">
        <p className="font-medium">
          {t("databases:deletedAt")} <Time at={worker.deleted_at} />
        </p>
        <p className="text-muted text-xs">
          {t("databases:purgeAfter")} <Time at={worker.purge_after} />
        </p>
      </div>
      {can("worker.delete") && (
        <Button look="primary" icon={<Undo2 />} busy={back.isPending} onClick={() => back.mutate()}>
          {t("workers:undelete")}
        </Button>
      )}
    </div>
  );
}
