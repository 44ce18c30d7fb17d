import { useQuery } from "@tanstack/react-query";
import { type WorkerOut, workerDeploymentList, workerVersionFile, workerVersionGet, workerVersionList } from "@/api";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";

/** The version that a change begins with: what takes most requests, else the newest one, else none. */
export function useBase(worker: WorkerOut, wanted: string | null) {
  const path = { worker_id: worker.id };
  const newest = useQuery({
    queryKey: ["workers", worker.id, "editor", "newest"],
    queryFn: async () => {
      const [deployed] = (await data(workerDeploymentList({ path, query: { limit: 1 } }))).items;
      const [share] = [...(deployed?.versions ?? [])].sort((a, b) => b.weight - a.weight);
      if (share) return { id: share.version_id, isDeployed: true };
      const [version] = (await data(workerVersionList({ path, query: { limit: 1 } }))).items;
      return version ? { id: version.id, isDeployed: false } : null;
    },
  });
  const id = wanted ?? newest.data?.id ?? null;
  const version = useQuery({
    queryKey: ["workers", worker.id, "version", id],
    enabled: id !== null,
    staleTime: Number.POSITIVE_INFINITY, // code never changes
    queryFn: () => data(workerVersionGet({ path: { worker_version_id: id ?? "" } })),
  });
  return {
    newest: newest.data,
    version: id === null ? null : version.data,
    error: newest.error ?? version.error,
    isPending: newest.isPending || (id !== null && version.isPending),
  };
}

/** One file as it was uploaded; `text` null: it is no text. */
export const fileQuery = (version: string, path: string) => ({
  queryKey: ["workers", "file", version, path] as const,
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async (): Promise<{ text: string | null }> => {
    const blob = await data(workerVersionFile({ path: { worker_version_id: version, path }, parseAs: "blob" }));
    const bytes = await (blob as Blob).arrayBuffer();
    try {
      return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
    } catch {
      return { text: null };
    }
  },
});

export function useFile(version: string | null, path: string | null) {
  return useQuery({ ...fileQuery(version ?? "", path ?? ""), enabled: version !== null && path !== null });
}

export const readFile = (version: string, path: string) => queries.fetchQuery(fileQuery(version, path));
