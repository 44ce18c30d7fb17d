import { Eraser, ScrollText, ShieldCheck } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type AuditEventOut, auditList } from "@/api";
import { Button } from "@/parts/Button";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan, useWho } from "@/shell/session";
import { DownloadMenu } from "../Download";
import { useNames } from "../useNames";
import { exportUrl, SPAN_IDS, sinceOf } from "../when";
import { AuditSheet } from "./AuditSheet";
import { EraseDialog } from "./EraseDialog";
import { VerifyDialog } from "./VerifyDialog";

const NOUNS = (
  "database snapshot repository plan migration drill run alert alert_channel alert_rule session user role grant key " +
  "secret project environment worker kv audit"
).split(" ");
const OUTCOMES = ["ok", "denied", "failed"] as const;

type Asked = Readonly<Record<string, readonly string[]>>;

/** What the API is asked for, of the filters and the search of the table. */
function query(filters: Asked, q: string) {
  const outcome = OUTCOMES.find((each) => each === filters.outcome?.[0]);
  return {
    ...(q && { text: q }),
    ...(outcome && { outcome }),
    ...(filters.action && { action: filters.action[0] }),
    ...(filters.actor && { actor: filters.actor[0] }),
    ...(filters.resource && { resource_id: filters.resource[0] }),
    ...(filters.when && { since: sinceOf(filters.when[0]) }),
  };
}

/** What a row is about, in a name where it says one. */
export function about(row: AuditEventOut): string | null {
  const name = row.details.name ?? row.details.target;
  return typeof name === "string" ? name : row.resource_id;
}

export function Outcome({ outcome }: { outcome: string }) {
  const { t } = useTranslation();
  if (outcome === "ok") return <span className="text-muted">{t("activity:outcomes.ok")}</span>;
  return (
    <Badge tone={outcome === "denied" ? "warn" : "bad"}>
      {t(`activity:outcomes.${outcome}`, { defaultValue: outcome })}
    </Badge>
  );
}

export function AuditTable() {
  const { t } = useTranslation();
  const can = useCan();
  const [search, set] = useAddress();
  const { filter, isLoading } = useScope();
  const [verifying, setVerifying] = useState(false);
  const [erasing, setErasing] = useState(false);
  const names = useNames(isLoading ? null : filter);
  const columns = useColumns(names);
  const filters = useFilters();
  const source = useMemo<Source<AuditEventOut>>(
    () => ({
      key: ["activity", "audit", filter],
      waits: isLoading,
      page: ({ q, filters, limit, cursor, signal }) =>
        data(auditList({ query: { ...filter, ...query(filters, q), limit, cursor }, signal })),
    }),
    [filter, isLoading],
  );
  const asked = Object.fromEntries(
    filters.flatMap(({ id }) => (search[id] ? [[id, search[id].split(",").map(decodeURIComponent)]] : [])),
  );
  return (
    <>
      <DataTable
        id="audit"
        label={t("audit:title")}
        source={source}
        columns={columns}
        filters={filters}
        rowId={(row) => row.id}
        onOpen={(row) => set({ row: String(row.seq) }, true)}
        searchHint={t("audit:find")}
        empty={{ icon: <ScrollText />, title: t("activity:nothing") }}
      >
        {can("audit.erase") && (
          <Button look="quiet" icon={<Eraser />} onClick={() => setErasing(true)}>
            <span className="sr-only lg:not-sr-only">{t("audit:erase")}</span>
          </Button>
        )}
        {can("audit.export") && (
          <DownloadMenu
            formats={["csv", "ndjson", "json"]}
            href={(format) => exportUrl("/api/v1/audit/export", { format, ...filter, ...query(asked, search.q ?? "") })}
          />
        )}
        {can("audit.verify") && (
          <Button icon={<ShieldCheck />} onClick={() => setVerifying(true)}>
            {t("audit:verify")}
          </Button>
        )}
      </DataTable>
      {search.row && <AuditSheet id={search.row} onClose={() => set({ row: undefined })} />}
      {verifying && <VerifyDialog onClose={() => setVerifying(false)} />}
      {erasing && <EraseDialog onClose={() => setErasing(false)} />}
    </>
  );
}

function useColumns(names: ReadonlyMap<string, string>) {
  const { t } = useTranslation();
  return useMemo<Column<AuditEventOut>[]>(
    () => [
      {
        id: "action",
        title: t("activity:action"),
        value: (row) => row.action,
        width: "minmax(180px, 1.6fr)",
        card: "title",
      },
      {
        id: "outcome",
        title: t("activity:outcome"),
        value: (row) => row.outcome,
        cell: (row) => <Outcome outcome={row.outcome} />,
        width: "100px",
        card: "side",
      },
      {
        id: "actor",
        title: t("activity:by"),
        value: (row) => row.actor_name ?? row.actor,
        width: "minmax(140px, 1.2fr)",
        card: "line",
      },
      {
        id: "about",
        title: t("activity:about"),
        value: (row) => {
          const what = about(row);
          return (what && names.get(what)) ?? what;
        },
        width: "minmax(140px, 1.4fr)",
        card: "line",
      },
      { id: "address", title: t("audit:address"), value: (row) => row.address, width: "120px" },
      {
        id: "at",
        title: t("activity:when"),
        value: (row) => row.at,
        cell: (row) => <Time at={row.at} />,
        width: "130px",
        card: "line",
      },
      { id: "seq", title: t("activity:place"), value: (row) => row.seq, numeric: true, width: "80px", spare: true },
      { id: "resource", title: t("activity:resource"), value: (row) => row.resource_id, width: "260px", spare: true },
      { id: "request", title: t("audit:request"), value: (row) => row.request_id, width: "260px", spare: true },
      { id: "details", title: t("audit:details"), value: (row) => JSON.stringify(row.details), spare: true },
    ],
    [t, names],
  );
}

function useFilters() {
  const { t } = useTranslation();
  const who = useWho();
  return useMemo<Filter[]>(
    () => [
      {
        id: "outcome",
        title: t("activity:outcome"),
        options: OUTCOMES.map((value) => ({ value, label: t(`activity:outcomes.${value}`) })),
      },
      {
        id: "when",
        title: t("activity:when"),
        options: SPAN_IDS.map((value) => ({ value, label: t(`activity:spans.${value}`) })),
      },
      {
        id: "actor",
        title: t("activity:by"),
        options: [
          { value: who.id, label: t("activity:me") },
          { value: "system", label: "Holdfast" },
        ],
      },
      {
        id: "action",
        title: t("activity:about"),
        options: NOUNS.map((value) => ({ value, label: t(`activity:nouns.${value}`) })),
      },
      { id: "resource", title: t("activity:resource"), options: [] },
    ],
    [t, who.id],
  );
}
