import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type DatabaseOut, importPreview, tableGet, tableList, type UploadOut } from "@/api";
import { data } from "@/shell/api";
import { bodyOf, type Plan, tableOf } from "./plan";

const NONE: never[] = [];

/** What the file is and where its columns go, by the server, for a plan; and the tables and columns there are. */
export function usePreview(database: DatabaseOut, upload: UploadOut, plan: Plan) {
  const path = { database_id: database.id };
  const tables = useQuery({
    queryKey: ["databases", database.id, "tables", "names"],
    queryFn: async () =>
      (await data(tableList({ path, query: { limit: 200 } }))).items.map(({ schema, name }) =>
        schema ? `${schema}.${name}` : name,
      ),
  });
  const names = tables.data ?? NONE;
  const table = plan.table ?? tableOf(upload.name, names);
  const body = bodyOf(upload, plan, table, plan.file.format === "sql");
  const preview = useQuery({
    queryKey: ["uploads", upload.id, "preview", body],
    queryFn: () => data(importPreview({ path, body })),
    enabled: tables.isFetched && table.trim() !== "",
    placeholderData: keepPreviousData,
    retry: false,
  });
  const known = preview.data && !preview.data.new_table && preview.data.format !== "sql" ? preview.data.table : null;
  const columns = useQuery({
    queryKey: ["databases", database.id, "tables", known],
    queryFn: () => data(tableGet({ path: { ...path, table: known ?? "" } })),
    enabled: known !== null && names.includes(known),
  });
  return {
    tables: names,
    preview: preview.data,
    error: preview.error ?? tables.error,
    isFetching: preview.isFetching,
    targets: columns.data?.columns.map(({ name }) => name) ?? NONE,
  };
}
