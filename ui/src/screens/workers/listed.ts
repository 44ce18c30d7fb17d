import type { DeployedOut, WorkerOut, WorkerStandingOut } from "@/api";

/** A worker with where it stands; a worker made between the two answers has none yet. */
export interface Listed extends WorkerOut {
  standing: WorkerStandingOut | undefined;
}

export function joined(workers: readonly WorkerOut[], standings: readonly WorkerStandingOut[]): Listed[] {
  const by = new Map(standings.map((each) => [each.worker_id, each]));
  return workers.map((worker) => ({ ...worker, standing: by.get(worker.id) }));
}

/** `v7` with its tag, or `v7 90 % · v8 10 %`. */
export function shares(deployed: readonly Pick<DeployedOut, "number" | "tag" | "weight">[]): string {
  if (deployed.length === 1) return deployed.map(versionName).join("");
  return deployed.map((each) => `v${each.number} ${each.weight} %`).join(" · ");
}

export function versionName({ number, tag }: { number: number; tag: string | null }): string {
  return tag ? `v${number} · ${tag}` : `v${number}`;
}
