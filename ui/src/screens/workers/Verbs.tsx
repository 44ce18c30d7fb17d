import { useMutation } from "@tanstack/react-query";
import { Ellipsis, Pause, Play, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type WorkerOut, workerDelete, workerUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Item, Line, Menu } from "@/parts/Menu";
import { useGo } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { Bound } from "./Bound";
import { stale } from "./useWorker";

/** Whether it takes requests. */
export function switched(worker: WorkerOut, enabled: boolean) {
  return workerUpdate({
    path: { worker_id: worker.id },
    headers: { "If-Match": `"v${worker.version}"` },
    body: { enabled },
  });
}

/** What is done to one worker from its head. */
export function Verbs({ worker }: { worker: WorkerOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [deleting, setDeleting] = useState(false);
  const toggle = useMutation({
    mutationFn: () => data(switched(worker, !worker.enabled)),
    networkMode: "always",
    onSuccess: () => stale(worker.id),
  });
  if (worker.deleted_at !== null) return null;
  const canUpdate = can("worker.update");
  const canDelete = can("worker.delete");
  if (!canUpdate && !canDelete) return null;
  return (
    <>
      <Menu align="end" trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
        {canUpdate && (
          <Item icon={worker.enabled ? <Pause /> : <Play />} onSelect={() => toggle.mutate()}>
            {t(worker.enabled ? "workers:disable" : "workers:enable")}
          </Item>
        )}
        {canUpdate && canDelete && <Line />}
        {canDelete && (
          <Item icon={<Trash2 />} danger onSelect={() => setDeleting(true)}>
            {t("workers:delete")}
          </Item>
        )}
      </Menu>
      <ConfirmDelete worker={worker} open={deleting} onOpenChange={setDeleting} />
    </>
  );
}

interface ConfirmProps {
  worker: WorkerOut;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Deletes it after its name was typed, and goes back to the list. */
export function ConfirmDelete({ worker, open, onOpenChange }: ConfirmProps) {
  const { t } = useTranslation();
  const go = useGo();
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      danger
      title={t("workers:deleteTitle", { name: worker.name })}
      lead={
        <>
          {t("workers:deleteLead")}
          <Bound to={worker.id} />
        </>
      }
      verb={t("workers:delete")}
      name={worker.name}
      act={async () => {
        await data(workerDelete({ path: { worker_id: worker.id }, body: { confirm: worker.name } }));
        await queries.invalidateQueries({ queryKey: ["workers"] });
        go("/workers");
      }}
    />
  );
}
