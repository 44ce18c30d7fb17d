import { Mail, Send, Webhook } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { alertChannelList, type ChannelOut } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { ChannelForm } from "./ChannelForm";
import { ChannelSheet } from "./ChannelSheet";

/** Where a channel leads, as far as that is no secret. */
export function target({ email, webhook }: ChannelOut): string {
  return email ? email.to.join(", ") : (webhook?.origin ?? "");
}

export function ChannelState({ of }: { of: ChannelOut }) {
  const { t } = useTranslation();
  if (!of.enabled) return <Badge>{t("alerts:off")}</Badge>;
  if (of.trouble) return <Badge tone="bad">{t("alerts:failing")}</Badge>;
  return <Badge tone="good">{t("alerts:on")}</Badge>;
}

export default function Channels() {
  const { t } = useTranslation();
  const can = useCan();
  const [search, set] = useAddress();
  const { filter, projects } = useScope();
  const { creating, end, add } = useCreating("channel.new", t("alerts:newChannel"), can("alert.channel.manage"));
  const columns = useMemo<Column<ChannelOut>[]>(
    () => [
      { id: "name", title: t("alerts:name"), value: (row) => row.name, width: "minmax(140px, 1.2fr)", card: "title" },
      {
        id: "state",
        title: t("alerts:state"),
        value: (row) => (row.enabled ? (row.trouble ? t("alerts:failing") : t("alerts:on")) : t("alerts:off")),
        cell: (row) => <ChannelState of={row} />,
        width: "110px",
        card: "side",
      },
      {
        id: "kind",
        title: t("alerts:kind"),
        value: (row) => t(`alerts:kinds.${row.kind}`, { defaultValue: row.kind }),
        cell: (row) => <Kind kind={row.kind} />,
        width: "110px",
        card: "line",
      },
      { id: "target", title: t("alerts:target"), value: target, width: "minmax(150px, 1.6fr)", card: "line" },
      {
        id: "where",
        title: t("alerts:where"),
        value: (row) =>
          row.project_id
            ? (projects.find(({ id }) => id === row.project_id)?.name ?? row.project_id)
            : t("alerts:wholeServer"),
      },
      {
        id: "sent",
        title: t("alerts:lastSent"),
        value: (row) => row.last_sent_at,
        cell: (row) => <Time at={row.last_sent_at} />,
        width: "120px",
      },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, projects],
  );
  const source = useMemo<Source<ChannelOut>>(
    () => ({
      key: ["alert_channels", "list", filter.project_id],
      page: ({ limit, cursor, signal }) => data(alertChannelList({ query: { limit, cursor }, signal })),
    }),
    [filter.project_id],
  );
  return (
    <>
      <DataTable
        id="alert-channels"
        label={t("alerts:channels")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        onOpen={(row) => set({ channel: row.id }, true)}
        empty={{ icon: <Send />, title: t("alerts:firstChannel"), lead: t("alerts:firstChannelLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <ChannelForm onClose={end} onMade={(id) => set({ channel: id }, true)} />}
      {search.channel && <ChannelSheet id={search.channel} onClose={() => set({ channel: undefined })} />}
    </>
  );
}

function Kind({ kind }: { kind: string }) {
  const { t } = useTranslation();
  const Icon = kind === "email" ? Mail : Webhook;
  return (
    <span className="inline-flex items-center gap-1.5">
      <Icon className="size-3.5 text-muted" aria-hidden />
      {t(`alerts:kinds.${kind}`, { defaultValue: kind })}
    </span>
  );
}
