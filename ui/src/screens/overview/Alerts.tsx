import { useQuery } from "@tanstack/react-query";
import { Bell, CircleAlert, Info, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type AlertOut, alertList } from "@/api";
import { cx } from "@/parts/classes";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Time } from "@/parts/small";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { useTypeTitle } from "../alerts/words";

const SHOWN = 5;
const LOOKS = {
  critical: [CircleAlert, "text-bad"],
  warning: [TriangleAlert, "text-warn"],
  info: [Info, "text-info"],
} as const;

/** Open ones that ask for something, and no place at all where there is none: the quiet is said by protection. */
export function Alerts() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, isLoading } = useScope();
  const able = can("alert.read");
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["alerts", "overview", filter],
    enabled: able && !isLoading,
    queryFn: async ({ signal }) =>
      (
        await data(
          alertList({ query: { ...filter, state: ["open"], severity: ["warning", "critical"], limit: SHOWN }, signal }),
        )
      ).items,
  });
  if (!able) return null;
  if (error && !found) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found || found.length === 0) return null;
  return (
    <Section
      title={t("overview:alerts")}
      aside={
        <A to="/alerts" className="text-accent-text text-xs hover:underline">
          {t("overview:allFailures")}
        </A>
      }
    >
      <ul className="-mx-2 grid gap-0.5">
        {found.map((alert) => (
          <Row key={alert.id} alert={alert} />
        ))}
      </ul>
    </Section>
  );
}

function Row({ alert }: { alert: AlertOut }) {
  const { t } = useTranslation();
  const title = useTypeTitle();
  const [Icon, colour] = LOOKS[alert.severity as keyof typeof LOOKS] ?? [Bell, "text-muted"];
  return (
    <li className="flex min-h-9 items-center gap-2.5 rounded-md px-2 py-1">
      <Icon
        className={cx("size-4 shrink-0", colour)}
        aria-label={t(`overview:severities.${alert.severity}`, { defaultValue: alert.severity })}
      />
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">{alert.name}</p>
        <p className="truncate text-muted text-xs">{title(alert.type)}</p>
      </div>
      <span className="text-muted text-xs">
        <Time at={alert.last_at} />
      </span>
    </li>
  );
}
