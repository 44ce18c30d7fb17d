import { FileKey2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type FileKeyOut, fileKeyList } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { CreateFileKey } from "./CreateFileKey";
import { FileKeySheet } from "./FileKeySheet";

/** The keys that seal a project's plain files, whoever holds them. */
export default function FileKeys() {
  const { t } = useTranslation();
  const can = useCan();
  const { project, environments, isLoading } = useScope();
  const id = project?.id;
  const { creating, end, add } = useCreating("filekey.new", t("filekeys:new"), can("file.key.write") && Boolean(id));
  const [opened, setOpened] = useState<string | null>(null);
  const columns = useMemo<Column<FileKeyOut>[]>(
    () => [
      { id: "name", title: t("filekeys:name"), value: (row) => row.name, width: "minmax(140px, 1.4fr)", card: "title" },
      {
        id: "kind",
        title: t("filekeys:kind"),
        value: (row) => t(`filekeys:kinds.${row.kind}`, { defaultValue: row.kind }),
        width: "minmax(150px, 1.2fr)",
        card: "line",
      },
      {
        id: "opens",
        title: t("filekeys:opensHere"),
        value: (row) => (row.opens ? t("filekeys:opens") : t("filekeys:sealsOnly")),
        cell: (row) => (
          <Badge tone={row.opens ? "good" : "plain"}>{t(row.opens ? "filekeys:opens" : "filekeys:sealsOnly")}</Badge>
        ),
        width: "130px",
        card: "side",
      },
      { id: "takes", title: t("filekeys:takes"), value: (row) => row.takes.join(", "), width: "140px" },
      {
        id: "environment",
        title: t("shell:environment"),
        value: (row) => environments.find((each) => each.id === row.environment_id)?.name ?? t("shell:allEnvironments"),
        spare: true,
      },
      {
        id: "created",
        title: t("filekeys:created"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
        card: "line",
      },
      { id: "fingerprint", title: t("filekeys:fingerprint"), value: (row) => row.fingerprint, spare: true },
    ],
    [t, environments],
  );
  const source = useMemo<Source<FileKeyOut>>(
    () => ({
      key: ["file_keys", "list", id],
      waits: isLoading || !id,
      page: ({ limit, cursor, signal }) =>
        data(fileKeyList({ path: { project_id: id ?? "" }, query: { limit, cursor }, signal })),
    }),
    [id, isLoading],
  );
  return (
    <>
      <DataTable
        id="file-keys"
        label={t("filekeys:title")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        onOpen={(row) => setOpened(row.id)}
        empty={{ icon: <FileKey2 />, title: t("filekeys:first"), lead: t("filekeys:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && id && <CreateFileKey project={id} onClose={end} onMade={setOpened} />}
      {opened && <FileKeySheet id={opened} onClose={() => setOpened(null)} />}
    </>
  );
}
