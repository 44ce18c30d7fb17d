import { BellOff, CircleAlert, CircleCheck, Eye, Info, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { AlertOut } from "@/api";
import { Badge, type Tone } from "@/parts/small";

const GRAVE: Record<string, [Tone, typeof Info]> = {
  critical: ["bad", CircleAlert],
  warning: ["warn", TriangleAlert],
  info: ["info", Info],
};

export const SEVERITIES = ["critical", "warning", "info"] as const;

export function Severity({ severity }: { severity: string }) {
  const { t } = useTranslation();
  const [tone, Icon] = GRAVE[severity] ?? ["plain", Info];
  return (
    <Badge tone={tone} icon={<Icon />}>
      {t(`alerts:severities.${severity}`, { defaultValue: severity })}
    </Badge>
  );
}

export function isMuted({ muted_until }: Pick<AlertOut, "muted_until">, now: number = Date.now()): boolean {
  return Boolean(muted_until) && Date.parse(muted_until ?? "") > now;
}

export function AlertState({ alert }: { alert: AlertOut }) {
  const { t } = useTranslation();
  if (alert.state === "resolved")
    return (
      <Badge tone="good" icon={<CircleCheck />}>
        {t("alerts:states.resolved")}
      </Badge>
    );
  if (isMuted(alert)) return <Badge icon={<BellOff />}>{t("alerts:muted")}</Badge>;
  if (alert.state === "acknowledged") return <Badge icon={<Eye />}>{t("alerts:states.acknowledged")}</Badge>;
  return <Badge tone="bad">{t("alerts:states.open")}</Badge>;
}

/** `backup_failed` in words. */
export function useTypeTitle(): (type: string) => string {
  const { t } = useTranslation();
  return (type) => t(`alerts:types.${type}`, { defaultValue: type.replaceAll("_", " ") });
}

const STATES: Record<string, Tone> = { sent: "good", dead: "bad", sending: "info", queued: "plain" };

export function DeliveryState({ state }: { state: string }) {
  const { t } = useTranslation();
  return <Badge tone={STATES[state] ?? "plain"}>{t(`alerts:deliveryStates.${state}`, { defaultValue: state })}</Badge>;
}
