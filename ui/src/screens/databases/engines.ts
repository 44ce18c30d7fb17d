import { useQuery } from "@tanstack/react-query";
import { engineList } from "@/api";
import { data } from "@/shell/api";

/** The engines of this server: they change with a restart only. */
export function useEngines() {
  return useQuery({
    queryKey: ["engines"],
    queryFn: async () => (await data(engineList())).items,
    staleTime: Number.POSITIVE_INFINITY,
  });
}
