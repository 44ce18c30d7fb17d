import { type BulkIn, type BulkOut, snapshotBulk } from "@/api";
import { ApiError, data } from "@/shell/api";
import { queries } from "@/shell/query";

/**
 * One act on many snapshots: looked at first, then confirmed with the number the look named, so that nothing is done
 * that was not meant. Throws with the first reason when none of them can be changed.
 */
export async function many(act: BulkIn["act"], ids: readonly string[], tags: string[] = []): Promise<BulkOut> {
  const wish = { act, ids: [...ids], tags };
  const look = await data(snapshotBulk({ body: { ...wish, dry_run: true } }));
  if (look.done === 0) throw refused(look);
  const done = await data(snapshotBulk({ body: { ...wish, dry_run: false, confirm: look.done } }));
  void queries.invalidateQueries({ queryKey: ["snapshots"] });
  return done;
}

function refused(look: BulkOut): ApiError {
  const reason = look.items.find(({ reason }) => reason)?.reason ?? "";
  return new ApiError(409, { code: "nothing_to_do", message: reason });
}

/** Those that were changed: what an undo is about. */
export function changed(report: BulkOut): string[] {
  return report.items.filter(({ done }) => done).map(({ snapshot_id }) => snapshot_id);
}
