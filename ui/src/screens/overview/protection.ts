import type { DatabaseMetricsOut, LateOut, UnprotectedOut } from "@/api";

export type Level = "bad" | "warn" | "good";

export interface Protection {
  database: DatabaseMetricsOut;
  level: Level;
  /** A word of `words/<language>/overview.json`, with what belongs into it. */
  why: "never" | "late" | "unverified" | "unplanned" | "fine";
  at: string | null;
}

const ORDER: readonly Level[] = ["bad", "warn", "good"];

/**
 * Whether each database could be brought back, the worst first. Red: there is nothing to bring back, or a plan's turn
 * is overdue. Yellow: the newest snapshot was never read back, or nothing will take the next one. Green: neither.
 */
export function protections(
  databases: readonly DatabaseMetricsOut[],
  late: readonly LateOut[],
  unprotected: readonly UnprotectedOut[],
): Protection[] {
  const overdue = new Map(late.map((each) => [each.resource_id, each]));
  const unplanned = new Set(unprotected.map(({ id }) => id));
  const found = databases.map((database): Protection => {
    const last = database.last_snapshot;
    const at = last?.taken_at ?? null;
    const turn = overdue.get(database.id);
    if (!last) return { database, level: "bad", why: "never", at: null };
    if (turn) return { database, level: "bad", why: "late", at: turn.due_at };
    if (!last.verified_level) return { database, level: "warn", why: "unverified", at };
    if (unplanned.has(database.id)) return { database, level: "warn", why: "unplanned", at };
    return { database, level: "good", why: "fine", at };
  });
  return found.sort(
    (a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level) || a.database.name.localeCompare(b.database.name),
  );
}
