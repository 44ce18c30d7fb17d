import { useMutation, useQuery } from "@tanstack/react-query";
import { Bell, BellOff, CircleCheck, Eye } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type AlertOut, alertAcknowledge, alertMute, alertRead, alertResolve } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, sentence } from "@/parts/ErrorPanel";
import { Item, Menu } from "@/parts/Menu";
import { Facts } from "@/parts/Page";
import { Skeleton, Time } from "@/parts/small";
import { lasted, moment } from "@/parts/text";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { linkOf } from "../activity/audit/links";
import { tellable } from "../activity/measured";
import { Told } from "../activity/Told";
import { errorOf } from "./attempts";
import { useNamed } from "./useNamed";
import { AlertState, isMuted, Severity, useTypeTitle } from "./words";

const HOUR = 3600;
const MUTES = [1, 8, 24, 7 * 24];

export function AlertSheet({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const title = useTypeTitle();
  const named = useNamed();
  const {
    data: alert,
    error,
    refetch,
  } = useQuery({ queryKey: ["alerts", "one", id], queryFn: () => data(alertRead({ path: { alert_id: id } })) });
  return (
    <Dialog
      as="sheet"
      open
      onOpenChange={onClose}
      title={alert ? `${title(alert.type)}: ${named(alert.name)}` : t("alerts:one")}
      foot={alert && alert.state !== "resolved" && <Verbs alert={alert} />}
    >
      {error && !alert ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : alert ? (
        <Body alert={alert} />
      ) : (
        <Skeleton className="h-40" />
      )}
    </Dialog>
  );
}

function Verbs({ alert }: { alert: AlertOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const path = { alert_id: alert.id };
  const keep = (after: AlertOut) => {
    queries.setQueryData(["alerts", "one", alert.id], after);
    void queries.invalidateQueries({ queryKey: ["alerts"] });
  };
  const acknowledge = useMutation({ mutationFn: () => data(alertAcknowledge({ path })), onSuccess: keep });
  const resolve = useMutation({
    mutationFn: () => data(alertResolve({ path })),
    onSuccess: keep,
    networkMode: "always",
  });
  const mute = useMutation({
    mutationFn: (seconds: number) => data(alertMute({ path, body: { seconds } })),
    onSuccess: (after, seconds) => {
      keep(after);
      if (seconds > 0)
        toast.undo(t("alerts:mutedFor", { time: lasted(seconds) }), t("shell:undo"), () => mute.mutate(0));
    },
  });
  if (!can("alert.acknowledge")) return null;
  return (
    <>
      {isMuted(alert) ? (
        <Button icon={<Bell />} busy={mute.isPending} onClick={() => mute.mutate(0)}>
          {t("alerts:unmute")}
        </Button>
      ) : (
        <Menu
          align="end"
          trigger={
            <Button icon={<BellOff />} busy={mute.isPending}>
              {t("alerts:mute")}
            </Button>
          }
        >
          {MUTES.map((hours) => (
            <Item key={hours} onSelect={() => mute.mutate(hours * HOUR)}>
              {hours < 24 ? t("alerts:hours", { count: hours }) : t("alerts:days", { count: hours / 24 })}
            </Item>
          ))}
        </Menu>
      )}
      <Button icon={<CircleCheck />} busy={resolve.isPending} onClick={() => resolve.mutate()}>
        {t("alerts:resolve")}
      </Button>
      {alert.state === "open" && (
        <Button look="primary" icon={<Eye />} busy={acknowledge.isPending} onClick={() => acknowledge.mutate()}>
          {t("alerts:acknowledge")}
        </Button>
      )}
    </>
  );
}

function Body({ alert }: { alert: AlertOut }) {
  const { t } = useTranslation();
  const named = useNamed();
  const error = errorOf(alert.details);
  const rest = tellable(alert.details)
    .filter(([field]) => field !== "error")
    .map(([field, value]) => [field, field === "actor" ? named(String(value)) : value] as const);
  const about = alert.resource_id && named(alert.name);
  const to = alert.resource_id && linkOf(alert.resource_id);
  return (
    <div className="grid gap-5">
      <div className="flex flex-wrap gap-1.5">
        <Severity severity={alert.severity} />
        <AlertState alert={alert} />
      </div>
      {error && (
        <div className="rounded-md bg-bad-soft px-3 py-2">
          <p className="text-bad [overflow-wrap:anywhere]">{sentence(error.message)}</p>
          {error.hint && <p className="mt-0.5 text-sm [overflow-wrap:anywhere]">{error.hint}</p>}
          {error.code && <code className="text-bad text-xs">{error.code}</code>}
        </div>
      )}
      <Facts
        narrow
        facts={[
          [t("alerts:times"), String(alert.count)],
          [t("alerts:first"), <Time key="first" at={alert.first_at} />],
          [t("alerts:last"), <Time key="last" at={alert.last_at} />],
          [t("alerts:told"), alert.told_at ? <Time key="told" at={alert.told_at} /> : t("alerts:notTold")],
          ...(isMuted(alert) ? [[t("alerts:mutedUntil"), moment(alert.muted_until ?? "")] as const] : []),
          ...(alert.acknowledged_by ? [[t("alerts:acknowledgedBy"), named(alert.acknowledged_by)] as const] : []),
          ...(alert.resolved_by ? [[t("alerts:resolvedBy"), named(alert.resolved_by)] as const] : []),
        ]}
      />
      <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-x-4 gap-y-1.5">
        {about && (
          <>
            <dt className="text-muted text-xs leading-5">{t("alerts:about")}</dt>
            <dd className="[overflow-wrap:anywhere]">
              {to ? (
                <A to={to} className="text-accent-text hover:underline">
                  {about}
                </A>
              ) : (
                about
              )}
            </dd>
          </>
        )}
        <Told facts={rest} />
      </dl>
    </div>
  );
}
