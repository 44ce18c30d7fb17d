import { useMutation, useQuery } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";
import { useTranslation } from "react-i18next";
import { alertDeliveryRead, alertDeliveryReplay, type FullDeliveryOut } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts } from "@/parts/Page";
import { CopyButton, Skeleton, Time } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { Attempts } from "./AttemptList";
import { attemptsOf } from "./attempts";
import { DeliveryState } from "./words";

/** One message: what it says, and every attempt to deliver it. */
export function DeliverySheet({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const can = useCan();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["alert_deliveries", "one", id],
    queryFn: () => data(alertDeliveryRead({ path: { delivery_id: id } })),
  });
  const replay = useMutation({
    mutationFn: () => data(alertDeliveryReplay({ path: { delivery_id: id } })),
    networkMode: "always",
    onSuccess: () => queries.invalidateQueries({ queryKey: ["alert_deliveries"] }),
  });
  return (
    <Dialog
      as="sheet"
      wide
      open
      onOpenChange={onClose}
      title={found?.subject || t("alerts:delivery")}
      foot={
        found?.state === "dead" &&
        can("alert.channel.manage") && (
          <Button look="primary" icon={<RotateCcw />} busy={replay.isPending} onClick={() => replay.mutate()}>
            {t("alerts:replay")}
          </Button>
        )
      }
    >
      {error && !found ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : found ? (
        <Body of={found} />
      ) : (
        <Skeleton className="h-40" />
      )}
    </Dialog>
  );
}

function Body({ of }: { of: FullDeliveryOut }) {
  const { t } = useTranslation();
  const payload = of.payload ? JSON.stringify(of.payload, null, 2) : null;
  return (
    <div className="grid gap-5">
      <Facts
        facts={[
          [t("alerts:state"), <DeliveryState key="state" state={of.state} />],
          [t("alerts:attempts"), String(of.attempts)],
          [t("alerts:made"), <Time key="made" at={of.created_at} />],
          ...(of.sent_at ? [[t("alerts:sentAt"), <Time key="sent" at={of.sent_at} />] as const] : []),
          ...(of.next_at ? [[t("alerts:next"), <Time key="next" at={of.next_at} />] as const] : []),
          ...(of.replays > 0 ? [[t("alerts:replays"), String(of.replays)] as const] : []),
        ]}
      />
      {of.state === "dead" && (
        <p className="rounded-md bg-bad-soft px-3 py-2 text-bad text-sm">{t("alerts:deadLead")}</p>
      )}
      <Attempts of={attemptsOf(of.log)} />
      {payload && (
        <section>
          <div className="mb-1 flex items-center justify-between">
            <h3 className="font-semibold text-sm">{t("alerts:body")}</h3>
            <CopyButton text={payload} label={t("shell:copy")} />
          </div>
          <pre
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
            tabIndex={0}
            className="max-h-80 overflow-auto rounded-md border bg-sunken px-3 py-2 font-mono text-xs"
          >
            {payload}
          </pre>
        </section>
      )}
    </div>
  );
}
