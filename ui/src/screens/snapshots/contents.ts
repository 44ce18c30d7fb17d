import { snapshotTables } from "@/api";
import { data } from "@/shell/api";

/**
 * What is inside a snapshot never changes, so that no signal has it read again: reading rows leaves an audit row, whose
 * own signal would have them read once more, without an end.
 */
export const contents = (id: string, ...what: string[]) => ["contents", id, ...what] as const;

export const tablesOf = (id: string) => ({
  queryKey: contents(id, "tables"),
  queryFn: async () => (await data(snapshotTables({ path: { snapshot_id: id } }))).items,
});
