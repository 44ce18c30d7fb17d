import { Archive, Download } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type EntryOut, entryList } from "@/api";
import { Size } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { contents } from "./contents";

const contentOf = (id: string, path: string) =>
  `/api/v1/snapshots/${id}/entries/${path.split("/").map(encodeURIComponent).join("/")}/content`;

/** What lies in the repository, piece by piece; each can be taken out by itself. */
export function Entries({ id }: { id: string }) {
  const { t } = useTranslation();
  const can = useCan();
  const takes = can("snapshot.download");
  const columns = useMemo<Column<EntryOut>[]>(
    () => [
      { id: "path", title: t("snapshots:path"), value: (row) => row.path, width: "minmax(200px, 3fr)", card: "title" },
      { id: "kind", title: t("snapshots:kind"), value: (row) => row.type, width: "100px" },
      {
        id: "size",
        title: t("snapshots:size"),
        value: (row) => row.size,
        cell: (row) => <Size of={row.size} />,
        numeric: true,
        width: "120px",
        card: "line",
      },
      ...(takes
        ? [
            {
              id: "file",
              title: t("files:file"),
              value: (row: EntryOut) => contentOf(id, row.path),
              cell: (row: EntryOut) => (
                <a
                  href={contentOf(id, row.path)}
                  download={row.path.split("/").at(-1)}
                  className="inline-flex items-center gap-1 font-medium text-accent-text text-sm hover:underline pointer-coarse:py-2"
                >
                  <Download className="size-3.5" aria-hidden />
                  {t("snapshots:download")}
                  <span className="sr-only">{row.path}</span>
                </a>
              ),
              width: "120px",
              card: "side" as const,
            },
          ]
        : []),
    ],
    [t, takes, id],
  );
  const source = useMemo<Source<EntryOut>>(
    () => ({
      key: contents(id, "entries"),
      page: ({ limit, cursor, signal }) =>
        data(entryList({ path: { snapshot_id: id }, query: { limit, cursor }, signal })),
    }),
    [id],
  );
  return (
    <DataTable
      id="entries"
      label={t("snapshots:entries")}
      source={source}
      columns={columns}
      rowId={(row) => row.path}
      empty={{ icon: <Archive />, title: t("snapshots:noEntries") }}
    />
  );
}
