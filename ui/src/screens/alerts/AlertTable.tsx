import { BellRing, CircleCheck, Eye } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type AlertOut, alertAcknowledge, alertList, alertResolve } from "@/api";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Filter, Source } from "@/parts/table/types";
import { useEach } from "@/parts/useEach";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { AlertSheet } from "./AlertSheet";
import { errorOf } from "./attempts";
import { useNamed } from "./useNamed";
import { AlertState, SEVERITIES, Severity, useTypeTitle } from "./words";

const TYPES = (
  "backup_failed verification_failed verification_overdue restore_failed schedule_missed repository_check_failed " +
  "repository_unreachable repository_filling quota_near run_failed limit_reached channel_failing " +
  "security_sign_in_failed security_step_up_failed security_role_changed security_secret_revealed " +
  "security_credential_misused security_keys_rotated"
).split(" ");

/** What stands, or with `past` what is over. */
export function AlertTable({ past }: { past?: boolean }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const { filter, isLoading } = useScope();
  const columns = useColumns(past);
  const title = useTypeTitle();
  const acts = useActs();
  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "severity",
        title: t("alerts:severity"),
        many: true,
        options: SEVERITIES.map((value) => ({ value, label: t(`alerts:severities.${value}`) })),
      },
      {
        id: "state",
        title: t("alerts:state"),
        options: past ? [] : ["open", "acknowledged"].map((value) => ({ value, label: t(`alerts:states.${value}`) })),
      },
      {
        id: "type",
        title: t("alerts:what"),
        many: true,
        options: TYPES.map((value) => ({ value, label: title(value) })),
      },
    ],
    [t, past, title],
  );
  const source = useMemo<Source<AlertOut>>(
    () => ({
      key: ["alerts", past ? "past" : "open", filter],
      waits: isLoading,
      page: ({ filters, limit, cursor, signal }) =>
        data(
          alertList({
            query: {
              ...filter,
              limit,
              cursor,
              state: past ? ["resolved"] : filters.state ? [...filters.state] : ["open", "acknowledged"],
              ...(filters.severity && { severity: [...filters.severity] }),
              ...(filters.type && { type: [...filters.type] }),
            },
            signal,
          }),
        ),
    }),
    [filter, isLoading, past],
  );
  return (
    <>
      <DataTable
        id={past ? "alerts-past" : "alerts"}
        label={t(past ? "alerts:history" : "alerts:open")}
        source={source}
        columns={columns}
        filters={past ? filters.filter(({ id }) => id !== "state") : filters}
        acts={past ? NO_ACTS : acts}
        rowId={(row) => row.id}
        onOpen={(row) => set({ alert: row.id }, true)}
        empty={
          past
            ? { icon: <BellRing />, title: t("alerts:nothingPast") }
            : { icon: <CircleCheck />, title: t("alerts:allWell"), lead: t("alerts:allWellLead") }
        }
      />
      {search.alert && <AlertSheet id={search.alert} onClose={() => set({ alert: undefined })} />}
    </>
  );
}

const NO_ACTS: readonly BulkAct<AlertOut>[] = [];

function useActs(): readonly BulkAct<AlertOut>[] {
  const { t } = useTranslation();
  const can = useCan();
  const each = useEach();
  if (!can("alert.acknowledge")) return NO_ACTS;
  const done = (clear: () => void) => () => {
    clear();
    void queries.invalidateQueries({ queryKey: ["alerts"] });
  };
  return [
    {
      id: "ack",
      title: t("alerts:acknowledge"),
      icon: <Eye />,
      run: (rows, clear) =>
        void each(
          rows.filter(({ state }) => state === "open"),
          ({ id }) => data(alertAcknowledge({ path: { alert_id: id } })),
          done(clear),
        ),
    },
    {
      id: "resolve",
      title: t("alerts:resolve"),
      icon: <CircleCheck />,
      run: (rows, clear) => void each(rows, ({ id }) => data(alertResolve({ path: { alert_id: id } })), done(clear)),
    },
  ];
}

function useColumns(past: boolean | undefined) {
  const { t } = useTranslation();
  const title = useTypeTitle();
  const named = useNamed();
  return useMemo<Column<AlertOut>[]>(
    () => [
      {
        id: "type",
        title: t("alerts:what"),
        value: (row) => title(row.type),
        width: "minmax(170px, 1.3fr)",
        card: "title",
      },
      {
        id: "severity",
        title: t("alerts:severity"),
        value: (row) => row.severity,
        cell: (row) => <Severity severity={row.severity} />,
        width: "110px",
        card: "side",
      },
      {
        id: "name",
        title: t("alerts:about"),
        value: (row) => named(row.name),
        width: "minmax(130px, 1fr)",
        card: "line",
      },
      {
        id: "why",
        title: t("alerts:why"),
        value: (row) => errorOf(row.details)?.message ?? "",
        width: "minmax(160px, 2fr)",
        card: "line",
      },
      {
        id: "state",
        title: t("alerts:state"),
        value: (row) => row.state,
        cell: (row) => <AlertState alert={row} />,
        width: "130px",
        spare: Boolean(past),
      },
      { id: "count", title: t("alerts:times"), value: (row) => row.count, numeric: true, width: "80px" },
      {
        id: "last",
        title: t(past ? "alerts:ended" : "alerts:last"),
        value: (row) => (past ? row.resolved_at : row.last_at),
        cell: (row) => <Time at={past ? row.resolved_at : row.last_at} />,
        width: "120px",
        card: "line",
      },
      {
        id: "first",
        title: t("alerts:first"),
        value: (row) => row.first_at,
        cell: (row) => <Time at={row.first_at} />,
        width: "120px",
        spare: true,
      },
      {
        id: "by",
        title: t("alerts:by"),
        value: (row) =>
          row.resolved_by || row.acknowledged_by ? named(row.resolved_by ?? row.acknowledged_by ?? "") : null,
        spare: true,
      },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, title, named, past],
  );
}
