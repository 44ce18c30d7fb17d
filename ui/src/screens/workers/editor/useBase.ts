import { keepPreviousData, useQuery } from "@tanstack/react-query";
import {
  type VersionWholeOut,
  type WorkerOut,
  workerDeploymentList,
  workerVersionFile,
  workerVersionGet,
  workerVersionList,
} from "@/api";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import type { Draft } from "./draft";

const newestKey = (worker: string) => ["workers", worker, "editor", "newest"] as const;
const versionKey = (worker: string, version: string | null) => ["workers", worker, "version", version] as const;

/** The version that a change begins with: what takes most requests, else the newest one, else none. */
export function useBase(worker: WorkerOut, wanted: string | null) {
  const path = { worker_id: worker.id };
  const newest = useQuery({
    queryKey: newestKey(worker.id),
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
    queryKey: versionKey(worker.id, id),
    enabled: id !== null,
    staleTime: Number.POSITIVE_INFINITY, // code never changes
    placeholderData: keepPreviousData, // while another one is fetched: the editor stays as it is
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

/** After `sent` was deployed as `version`: what is known of it already is not waited for. */
export function settle(worker: string, sent: Draft, version: VersionWholeOut): void {
  for (const { path } of version.files) {
    const text = sent.files[path];
    const before = sent.base && queries.getQueryData<{ text: string | null }>(fileQuery(sent.base, path).queryKey);
    const known = typeof text === "string" ? { text } : before;
    if (known) queries.setQueryData(fileQuery(version.id, path).queryKey, known);
  }
  queries.setQueryData(versionKey(worker, version.id), version);
  queries.setQueryData(newestKey(worker), { id: version.id, isDeployed: true });
}
