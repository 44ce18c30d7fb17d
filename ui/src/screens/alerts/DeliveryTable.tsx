import { Send } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { alertDeliveryList, type DeliveryOut } from "@/api";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { attemptsOf } from "./attempts";
import { DeliverySheet } from "./DeliverySheet";
import { useChannels } from "./useChannels";
import { DeliveryState } from "./words";

/** What was sent, is tried, or was given up. */
export function DeliveryTable() {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const { filter, isLoading } = useScope();
  const channels = useChannels();
  const names = useMemo(() => new Map(channels.map(({ id, name }) => [id, name])), [channels]);
  const columns = useMemo<Column<DeliveryOut>[]>(
    () => [
      {
        id: "subject",
        title: t("alerts:subject"),
        value: (row) => row.subject,
        width: "minmax(200px, 2fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("alerts:state"),
        value: (row) => row.state,
        cell: (row) => <DeliveryState state={row.state} />,
        width: "110px",
        card: "side",
      },
      {
        id: "channel",
        title: t("alerts:channel"),
        value: (row) => names.get(row.channel_id) ?? row.channel_id,
        width: "minmax(110px, 1fr)",
        card: "line",
      },
      {
        id: "kind",
        title: t("alerts:kind"),
        value: (row) => t(`alerts:deliveryKinds.${row.kind}`, { defaultValue: row.kind }),
        width: "90px",
      },
      {
        id: "answer",
        title: t("alerts:answer"),
        value: (row) => {
          const last = attemptsOf(row.log).at(-1);
          return last ? [last.code, last.error || last.response].filter(Boolean).join(" ") : "";
        },
        width: "minmax(120px, 1.4fr)",
        card: "line",
      },
      { id: "attempts", title: t("alerts:attempts"), value: (row) => row.attempts, numeric: true, width: "96px" },
      {
        id: "next",
        title: t("alerts:next"),
        value: (row) => row.next_at,
        cell: (row) => <Time at={row.next_at} />,
        width: "120px",
        spare: true,
      },
      {
        id: "created",
        title: t("alerts:made"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
        card: "line",
      },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, names],
  );
  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "state",
        title: t("alerts:state"),
        many: true,
        options: ["queued", "sending", "sent", "dead"].map((value) => ({
          value,
          label: t(`alerts:deliveryStates.${value}`),
        })),
      },
      {
        id: "channel",
        title: t("alerts:channel"),
        options: channels.map(({ id, name }) => ({ value: id, label: name })),
      },
    ],
    [t, channels],
  );
  const source = useMemo<Source<DeliveryOut>>(
    () => ({
      key: ["alert_deliveries", "list", filter.project_id],
      waits: isLoading,
      page: ({ filters, limit, cursor, signal }) =>
        data(
          alertDeliveryList({
            query: {
              limit,
              cursor,
              ...(filter.project_id && { project_id: filter.project_id }),
              ...(filters.state && { state: [...filters.state] }),
              ...(filters.channel && { channel_id: filters.channel[0] }),
            },
            signal,
          }),
        ),
    }),
    [filter.project_id, isLoading],
  );
  return (
    <>
      <DataTable
        id="deliveries"
        label={t("alerts:deliveries")}
        source={source}
        columns={columns}
        filters={filters}
        rowId={(row) => row.id}
        onOpen={(row) => set({ delivery: row.id }, true)}
        empty={{ icon: <Send />, title: t("alerts:noDeliveries"), lead: t("alerts:noDeliveriesLead") }}
      />
      {search.delivery && <DeliverySheet id={search.delivery} onClose={() => set({ delivery: undefined })} />}
    </>
  );
}
