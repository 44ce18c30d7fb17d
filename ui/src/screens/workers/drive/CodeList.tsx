import { FileCode2 } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type WorkerOut, workerList } from "@/api";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { PLACE } from "../codeTabs";
import { NewWorker } from "../NewWorker";

export default function CodeList() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, isLoading } = useScope();
  const { creating, end, add } = useCreating("worker.new", t("code:new"), can("worker.create"));
  const columns = useMemo<Column<WorkerOut>[]>(
    () => [{ id: "name", title: t("code:name"), value: (row) => row.name, card: "title" }],
    [t],
  );
  const source = useMemo<Source<WorkerOut>>(
    () => ({
      key: ["workers", "list", filter],
      waits: isLoading,
      page: ({ q, limit, cursor, signal }) =>
        data(workerList({ query: { ...filter, limit, cursor, ...(q && { name: q }) }, signal })),
    }),
    [filter, isLoading],
  );
  return (
    <>
      <DataTable
        id="code"
        label={t("code:title")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        to={(row) => `${PLACE}/${row.id}`}
        empty={{ icon: <FileCode2 />, title: t("code:new"), lead: t("code:newLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <NewWorker onClose={end} />}
    </>
  );
}
