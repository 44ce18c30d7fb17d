import { Archive } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { repositoryContents, type StoredOut } from "@/api";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useGo } from "@/shell/address";
import { data } from "@/shell/api";
import { FilesSheet } from "./FilesSheet";

/** Every snapshot as the repository itself knows it, whoever made it. */
export function Contents({ id }: { id: string }) {
  const { t } = useTranslation();
  const go = useGo();
  const [opened, setOpened] = useState<StoredOut | null>(null);
  const columns = useMemo<Column<StoredOut>[]>(
    () => [
      {
        id: "restic",
        title: t("repositories:resticId"),
        value: (row) => row.restic_id.slice(0, 8),
        cell: (row) => <code className="font-mono text-xs">{row.restic_id.slice(0, 8)}</code>,
        width: "110px",
        card: "title",
      },
      {
        id: "taken",
        title: t("repositories:at"),
        value: (row) => row.taken_at,
        cell: (row) => <Time at={row.taken_at} />,
        width: "140px",
        card: "line",
      },
      {
        id: "origin",
        title: t("repositories:origin"),
        value: (row) => t(`repositories:origins.${row.origin}`, { defaultValue: row.origin }),
        card: "side",
      },
      { id: "hostname", title: t("repositories:host"), value: (row) => row.hostname, width: "120px" },
      {
        id: "paths",
        title: t("repositories:paths"),
        value: (row) => row.paths.join(", "),
        width: "minmax(160px, 2fr)",
        card: "line",
      },
      { id: "tags", title: t("repositories:tags"), value: (row) => row.tags.join(", "), width: "minmax(120px, 1.4fr)" },
    ],
    [t],
  );
  const source = useMemo<Source<StoredOut>>(
    () => ({
      key: ["repositories", id, "contents"],
      page: ({ limit, cursor, signal }) =>
        data(repositoryContents({ path: { repository_id: id }, query: { limit, cursor }, signal })),
    }),
    [id],
  );
  return (
    <>
      <DataTable
        id="contents"
        label={t("repositories:contents")}
        source={source}
        columns={columns}
        rowId={(row) => row.restic_id}
        onOpen={(row) => (row.snapshot_id ? go(`/snapshots/${row.snapshot_id}`) : setOpened(row))}
        empty={{ icon: <Archive />, title: t("repositories:noContents") }}
      />
      {opened && <FilesSheet repository={id} stored={opened} onClose={() => setOpened(null)} />}
    </>
  );
}
