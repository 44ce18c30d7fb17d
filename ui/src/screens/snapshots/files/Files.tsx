import { FileDown, FileX } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type DownloadOut, downloadList, downloadRevoke } from "@/api";
import { Badge, Size, Time, type Tone } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Source } from "@/parts/table/types";
import { useEach } from "@/parts/useEach";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useWho } from "@/shell/session";
import { stateOf } from "./share";

const TONES: Record<string, Tone> = { open: "good", used: "info", revoked: "bad", expired: "plain" };

/** Links to files that left or may leave: whose, how long, how often used; revoked, they open nothing. */
export default function Files() {
  const { t } = useTranslation();
  const who = useWho();
  const each = useEach();
  const { filter, isLoading } = useScope();
  const columns = useMemo<Column<DownloadOut>[]>(
    () => [
      { id: "name", title: t("files:file"), value: (row) => row.name, width: "minmax(200px, 2fr)", card: "title" },
      {
        id: "state",
        title: t("snapshots:state"),
        value: (row) => t(`files:states.${stateOf(row)}`),
        cell: (row) => <Badge tone={TONES[stateOf(row)]}>{t(`files:states.${stateOf(row)}`)}</Badge>,
        width: "100px",
        card: "side",
      },
      {
        id: "expires",
        title: t("files:expires"),
        value: (row) => row.expires_at,
        cell: (row) => <Time at={row.expires_at} />,
        onCard: (row) => (
          <>
            {t("files:expires")} <Time at={row.expires_at} />
          </>
        ),
        width: "120px",
        card: "line",
      },
      {
        id: "uses",
        title: t("files:uses"),
        value: (row) => row.uses,
        numeric: true,
        width: "90px",
      },
      {
        id: "encryption",
        title: t("files:encryption"),
        value: (row) => t(`files:values.${row.encryption}`, { defaultValue: row.encryption }),
        onCard: (row) =>
          `${t("files:encryption")}: ${t(`files:values.${row.encryption}`, { defaultValue: row.encryption })}`,
        width: "minmax(120px, 0.8fr)",
        card: "line",
      },
      {
        id: "snapshots",
        title: t("snapshots:one"),
        value: (row) => row.snapshot_ids.join(", "),
        cell: (row) =>
          row.snapshot_id ? (
            <A to={`/snapshots/${row.snapshot_id}`} className="text-accent-text hover:underline">
              …{row.snapshot_id.slice(-8)}
            </A>
          ) : (
            t("files:inZip", { count: row.snapshot_ids.length })
          ),
        width: "110px",
      },
      {
        id: "by",
        title: t("activity:by"),
        value: (row) => (row.created_by === who.id ? who.display : row.created_by),
        width: "minmax(110px, 1fr)",
      },
      {
        id: "created",
        title: t("files:made"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
      },
      {
        id: "used",
        title: t("files:lastUsed"),
        value: (row) => row.used_at,
        cell: (row) => <Time at={row.used_at} />,
        spare: true,
      },
      {
        id: "size",
        title: t("snapshots:size"),
        value: (row) => row.size,
        cell: (row) => <Size of={row.size} />,
        numeric: true,
        spare: true,
      },
      { id: "format", title: t("files:format"), value: (row) => t(`files:values.${row.format}`), spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, who],
  );
  const source = useMemo<Source<DownloadOut>>(
    () => ({
      key: ["downloads", "list", filter.project_id],
      waits: isLoading,
      page: ({ limit, cursor, signal }) =>
        data(
          downloadList({
            query: { limit, cursor, ...(filter.project_id && { project_id: filter.project_id }) },
            signal,
          }),
        ),
    }),
    [filter.project_id, isLoading],
  );
  const acts: BulkAct<DownloadOut>[] = [
    {
      id: "revoke",
      title: t("files:revoke"),
      icon: <FileX />,
      danger: true,
      run: (rows, clear) =>
        void each(
          rows.filter(({ state }) => state === "open"),
          (row) => data(downloadRevoke({ path: { download_id: row.id } })),
          () => {
            clear();
            void queries.invalidateQueries({ queryKey: ["downloads"] });
          },
          "files:revoked",
        ),
    },
  ];
  return (
    <DataTable
      id="files"
      label={t("files:title")}
      source={source}
      columns={columns}
      acts={acts}
      rowId={(row) => row.id}
      empty={{ icon: <FileDown />, title: t("files:none"), lead: t("files:noneLead") }}
    />
  );
}
