import { type RunOut, snapshotCreate, snapshotVerify } from "@/api";
import { data, once } from "@/shell/api";

/** Only what can be asked for anew from the run alone, without anything typed; the rest is asked where it was. */
export function canRepeat({ kind, resource_id, input }: RunOut): boolean {
  if (kind === "snapshot.create") return resource_id !== null;
  return kind === "snapshot.verify" && typeof input.snapshot_id === "string";
}

export async function repeat({ kind, resource_id, input }: RunOut): Promise<{ run: { id: string } }> {
  if (kind === "snapshot.verify")
    return data(snapshotVerify({ path: { snapshot_id: String(input.snapshot_id) }, body: {} }));
  return data(snapshotCreate({ path: { database_id: resource_id ?? "" }, body: {}, headers: once() }));
}
