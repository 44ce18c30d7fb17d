import { queryOptions } from "@tanstack/react-query";
import { workerGet } from "@/api";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";

/** One worker, as every part of its page reads it. */
export const worker = (id: string) =>
  queryOptions({
    queryKey: ["workers", id],
    queryFn: () => data(workerGet({ path: { worker_id: id } })),
  });

/** What hangs on this worker is read again, the lists it stands in too. */
export function stale(id: string): void {
  void queries.invalidateQueries({ queryKey: ["workers", id] });
  void queries.invalidateQueries({ queryKey: ["workers", "list"] });
}
