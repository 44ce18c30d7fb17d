import type { WorkerOut } from "@/api";

export type WorkerStateName = "enabled" | "disabled" | "deleted";

export function stateOf({ deleted_at, enabled }: Pick<WorkerOut, "deleted_at" | "enabled">): WorkerStateName {
  if (deleted_at !== null) return "deleted";
  return enabled ? "enabled" : "disabled";
}
