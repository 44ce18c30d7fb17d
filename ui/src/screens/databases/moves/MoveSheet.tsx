import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type MoveOut, moveRead, moveStart, runGet } from "@/api";
import { Button } from "@/parts/Button";
import { Checkbox } from "@/parts/Checkbox";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Skeleton } from "@/parts/small";
import { useGo } from "@/shell/address";
import { ApiError, asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { Following } from "../../activity/Following";
import { Losses, MovedTables, Receipt } from "./MoveReport";

/** A move as it stands: planned with its losses, at work, or done with its proof. It is read again as it moves on. */
export function MoveSheet({ move: given, onClose }: { move: MoveOut; onClose: () => void }) {
  const { t } = useTranslation();
  const { data: move = given } = useQuery({
    queryKey: ["moves", given.id],
    queryFn: () => data(moveRead({ path: { move_id: given.id } })),
    initialData: given,
    initialDataUpdatedAt: 0,
  });
  const go = useGo();
  const can = useCan();
  const [accepted, setAccepted] = useState(false);
  const [key] = useState(once);
  const start = useMutation({
    mutationFn: () =>
      data(moveStart({ path: { move_id: move.id }, body: { accept: move.fingerprint ?? "" }, headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (begun) => {
      queries.setQueryData(["moves", move.id], begun.move);
      void queries.invalidateQueries({ queryKey: ["moves"] });
    },
  });
  const planned = move.state === "planned";
  const mayStart = planned && can("database.move");
  return (
    <Dialog
      open
      as="sheet"
      wide
      onOpenChange={(open) => !open && onClose()}
      title={t("moves:titleOf", { name: move.name })}
      lead={t(`moves:leads.${move.state}`, { defaultValue: "" }) || undefined}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:close")}</Button>
          {mayStart && (
            <Button
              look="primary"
              busy={start.isPending}
              disabled={move.losses.length > 0 && !accepted}
              onClick={() => start.mutate()}
            >
              {t("moves:start")}
            </Button>
          )}
          {move.state === "succeeded" && move.target_id && (
            <Button look="primary" onClick={() => go(`/databases/${move.target_id}`)}>
              {t("moves:open", { name: move.name })}
            </Button>
          )}
        </>
      }
    >
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
        {(move.state === "planning" || move.state === "moving") && <AtWork key={move.run_id} move={move} />}
        {move.error && (
          <ErrorText
            error={
              new ApiError(0, {
                code: String(move.error.code ?? ""),
                message: String(move.error.message ?? ""),
                hint: move.error.hint ? String(move.error.hint) : null,
              })
            }
          />
        )}
        {move.state === "failed" && <p className="text-muted text-sm">{t("moves:failedLead")}</p>}
        {start.error && <ErrorText error={asError(start.error)} />}
        {move.state === "succeeded" && move.receipt && <Receipt of={move.receipt} />}
        {planned && (
          <>
            <Losses of={move.losses} />
            {mayStart && move.losses.length > 0 && (
              <Checkbox label={t("moves:accept")} checked={accepted} onChange={setAccepted} />
            )}
            <MovedTables of={move.tables} />
          </>
        )}
      </div>
    </Dialog>
  );
}

function AtWork({ move }: { move: MoveOut }) {
  const { t } = useTranslation();
  const { data: run, error } = useQuery({
    queryKey: ["runs", move.run_id],
    queryFn: () => data(runGet({ path: { run_id: move.run_id ?? "" } })),
    enabled: Boolean(move.run_id),
  });
  if (error) return <ErrorPanel error={error} />;
  if (!run) return <Skeleton className="h-16" />;
  return (
    <Following
      run={run}
      label={t(`moves:states.${move.state}`)}
      nouns={["moves", "databases"]}
      failed={() => <p className="text-muted text-sm">{t("moves:failedLead")}</p>}
    />
  );
}
