import { expect, test } from "vitest";
import type { DatabaseMetricsOut, LateOut, UnprotectedOut } from "@/api";
import { protections } from "./protection";

function database(id: string, last: { verified_level: number | null } | null): DatabaseMetricsOut {
  const snapshot = last && { taken_at: "2026-01-01T00:00:00Z", seconds: 1, source_bytes: 1, stored_bytes: 1, ...last };
  return { id, name: id, last_snapshot: snapshot } as DatabaseMetricsOut;
}

test("the worst is first, and each says why", () => {
  const all = [
    database("fine", { verified_level: 1 }),
    database("unplanned", { verified_level: 1 }),
    database("unverified", { verified_level: 0 }),
    database("late", { verified_level: 2 }),
    database("never", null),
  ];
  const late = [{ resource_id: "late", due_at: "2026-01-02T00:00:00Z" } as LateOut];
  const unprotected = ["unplanned", "never"].map((id) => ({ id }) as UnprotectedOut);
  const found = protections(all, late, unprotected);
  expect(found.map(({ why, level }) => `${why} ${level}`)).toEqual([
    "late bad",
    "never bad",
    "unplanned warn",
    "unverified warn",
    "fine good",
  ]);
  expect(found[0]?.at).toBe("2026-01-02T00:00:00Z");
});
