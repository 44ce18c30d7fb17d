import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { tunnelClose, tunnelList } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Segments } from "@/parts/Setting";
import { Badge, CopyButton, Skeleton, Time } from "@/parts/small";
import { bytes } from "@/parts/text";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan, useWho } from "@/shell/session";
import type { TabProps } from "../tabs";

/** A way in from one's own machine through Holdfast, with a login that ends with it. The command carries it. */
export function Tunnels({ database }: TabProps) {
  const can = useCan();
  return (
    <>
      {can("database.connect") && <Open id={database.id} />}
      <OpenOnes id={database.id} />
    </>
  );
}

function Open({ id }: { id: string }) {
  const { t } = useTranslation();
  const [access, setAccess] = useState("ro");
  const [how, setHow] = useState("program");
  const command = ["holdfast db connect", id, `--access ${access}`, how === "url" && "--print-url"]
    .filter(Boolean)
    .join(" ");
  return (
    <Section title={t("connections:openTunnel")}>
      <div className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-3">
        <p className="text-muted">{t("connections:tunnelLead")}</p>
        <div className="flex flex-wrap gap-3">
          <Segments
            label={t("connections:access")}
            value={access}
            options={["ro", "rw", "owner"].map((value) => ({ value, label: t(`databases:ways.${value}`) }))}
            onChange={setAccess}
          />
          <Segments
            label={t("connections:program")}
            value={how}
            options={["program", "url"].map((value) => ({ value, label: t(`connections:carry.${value}`) }))}
            onChange={setHow}
          />
        </div>
        <div className="flex items-center gap-1 rounded-md border bg-sunken p-1 pl-3">
          <code className="min-w-0 flex-1 break-words font-mono text-xs">{command}</code>
          <CopyButton text={command} label={t("connections:copyCommand")} />
        </div>
      </div>
    </Section>
  );
}

function OpenOnes({ id }: { id: string }) {
  const { t } = useTranslation();
  const can = useCan();
  const { id: me } = useWho();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["databases", id, "tunnels"],
    queryFn: async () => (await data(tunnelList({ path: { database_id: id }, query: { limit: 100 } }))).items,
  });
  const close = useMutation({
    mutationFn: (tunnel: string) => data(tunnelClose({ path: { tunnel_id: tunnel } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["databases", id, "tunnels"] }),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <Section title={t("connections:openTunnels")}>
      {!found && <Skeleton className="h-10" />}
      {found?.length === 0 && <p className="text-muted">{t("connections:noTunnels")}</p>}
      <ul className="max-w-3xl">
        {found?.map((each) => (
          <li key={each.id} className="flex items-center gap-3 border-t py-2 first:border-t-0">
            <div className="min-w-0 flex-1">
              <p className="flex items-center gap-2">
                <span className="truncate font-mono text-xs">{each.login}</span>
                <Badge>{t(`databases:ways.${each.access}`)}</Badge>
              </p>
              <p className="text-muted text-xs">
                {t("connections:until")} <Time at={each.expires_at} /> ·{" "}
                {t("connections:lines", { count: each.connections })} · {bytes(each.bytes_up + each.bytes_down)}
              </p>
            </div>
            {(can("database.session.kill") || each.actor === me) && (
              <Button
                size="small"
                busy={close.isPending && close.variables === each.id}
                onClick={() => close.mutate(each.id)}
              >
                {t("connections:closeTunnel")}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}
