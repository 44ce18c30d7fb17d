import { useQuery } from "@tanstack/react-query";
import { type HoldfastFeaturesWorkersWireVersionOut as VersionOut, workerStanding, workerVersionList } from "@/api";
import { data } from "@/shell/api";
import { versionName } from "./listed";

export type { VersionOut };

/** What takes its requests, and where it is reached. Asked for once it is `seen`. */
export function useStanding(id: string, seen = true) {
  return useQuery({
    enabled: seen,
    queryKey: ["workers", id, "standing"],
    queryFn: () => data(workerStanding({ path: { worker_id: id } })),
  });
}

/** The versions that are kept, newest first: the last fifty and what is deployed. */
export function useVersions(id: string) {
  return useQuery({
    queryKey: ["workers", id, "versions"],
    queryFn: async () => (await data(workerVersionList({ path: { worker_id: id }, query: { limit: 100 } }))).items,
  });
}

/** What people call a version; the end of its id where it is kept no more. */
export function useVersionName(id: string): (version: string) => string {
  const { data: versions } = useVersions(id);
  return (version) => {
    const found = versions?.find((each) => each.id === version);
    return found ? versionName(found) : `…${version.slice(-6)}`;
  };
}
