import { useQuery } from "@tanstack/react-query";
import { workerOpenapi } from "@/api";
import { data } from "@/shell/api";
import { operationsOf } from "./operations";

/** What the version that takes most requests declares; none before it is known, and where nothing is declared. */
export function useOperations(worker: string) {
  const { data: found } = useQuery({
    queryKey: ["workers", worker, "openapi"],
    queryFn: async () => operationsOf(await data<unknown>(workerOpenapi({ path: { worker_id: worker } }))),
  });
  return found ?? NONE;
}

const NONE: ReturnType<typeof operationsOf> = [];
