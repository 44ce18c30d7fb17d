import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { CircleSlash } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type HoldfastFeaturesPlansWireTurnOut as TurnOut, turnCancel, turnMembers } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Badge, Skeleton, Time, type Tone } from "@/parts/small";
import { moment } from "@/parts/text";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";

const TONES: Record<string, Tone> = { succeeded: "good", failed: "bad", running: "info" };

/** One time a plan was carried out: what became of each database, and a way to stop what has not ended. */
export function TurnSheet({ turn, onClose }: { turn: TurnOut; onClose: () => void }) {
  const { t } = useTranslation();
  const can = useCan();
  const found = useInfiniteQuery({
    queryKey: ["plans", "turn", turn.id, "members"],
    queryFn: ({ pageParam, signal }) =>
      data(turnMembers({ path: { turn_id: turn.id }, query: { limit: 200, cursor: pageParam }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const cancel = useMutation({
    mutationFn: () => data(turnCancel({ path: { turn_id: turn.id } })),
    networkMode: "always",
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["plans"] });
      onClose();
    },
  });
  const members = found.data?.pages.flatMap(({ items }) => items) ?? [];
  const open = turn.state === "pending" || turn.state === "running";
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(next) => !next && onClose()}
      title={moment(turn.due_at)}
      lead={
        <>
          {t(`plans:turns.${turn.state}`, { defaultValue: turn.state })} ·{" "}
          {t("plans:doneOf", { done: turn.succeeded, total: turn.total })} ·{" "}
          <A to={`/runs/${turn.run_id}`} className="text-accent-text hover:underline">
            {t("plans:openRun")}
          </A>
        </>
      }
      foot={
        <>
          {open && can("plan.run") && (
            <Button icon={<CircleSlash />} className="mr-auto" busy={cancel.isPending} onClick={() => cancel.mutate()}>
              {t("plans:cancelTurn")}
            </Button>
          )}
          <Button onClick={onClose}>{t("shell:close")}</Button>
        </>
      }
    >
      <h3 className="mb-2 font-medium">{t("plans:members")}</h3>
      {found.error && <ErrorPanel error={found.error} />}
      {found.isPending && <Skeleton className="h-24" />}
      {found.data && members.length === 0 && <p className="text-muted">{t("plans:noMembers")}</p>}
      <ul className="divide-y">
        {members.map((each) => (
          <li key={`${each.resource_id} ${each.repository_id}`} className="grid gap-1 py-2">
            <p className="flex items-center justify-between gap-2">
              <A to={`/databases/${each.resource_id}`} className="min-w-0 truncate font-medium hover:underline">
                {each.resource_name}
              </A>
              <Badge tone={TONES[each.state] ?? "plain"}>
                {t(`plans:turns.${each.state}`, { defaultValue: each.state })}
              </Badge>
            </p>
            <p className="flex flex-wrap gap-x-3 text-muted text-xs">
              <Time at={each.settled_at ?? each.due_at} />
              {each.snapshot_id && (
                <A to={`/snapshots/${each.snapshot_id}`} className="text-accent-text hover:underline">
                  {t("snapshots:one")}
                </A>
              )}
              {each.run_id && (
                <A to={`/runs/${each.run_id}`} className="text-accent-text hover:underline">
                  {t("activity:run")}
                </A>
              )}
              {each.reason?.message ? <span className="text-bad">{String(each.reason.message)}</span> : null}
            </p>
          </li>
        ))}
      </ul>
      {found.hasNextPage && (
        <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t("shell:more")}
        </Button>
      )}
    </Dialog>
  );
}
