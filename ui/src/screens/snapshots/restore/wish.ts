import type { HoldfastFeaturesBackupsWireRestoreIn as RestoreBody, SnapshotOut } from "@/api";
import type { Search } from "@/shell/search";

export const STEPS = ["what", "where", "check", "run"] as const;
export type Step = (typeof STEPS)[number];

/** What is asked for, as the address says it: a reload or a link keeps everything but what must be said anew. */
export interface Wish {
  step: Step;
  mode: "new" | "in_place";
  /** Labels of tables; empty: all. */
  tables: readonly string[];
  name: string;
  /** Empty: the snapshot's own. */
  environment: string;
  masking: string;
  safety: boolean;
  run: string;
}

/** Said anew each time: nothing of it is in the address. */
export interface Spoken {
  confirm: string;
  override: boolean;
}

export function wishOf(search: Search, snapshot: Pick<SnapshotOut, "resource_name">): Wish {
  const step = STEPS.find((each) => each === search.step) ?? "what";
  const run = search.run ?? "";
  return {
    step: step === "run" && !run ? "check" : step,
    mode: search.mode === "in_place" ? "in_place" : "new",
    tables: labels(search.tables),
    name: search.name ?? suggested(snapshot.resource_name),
    environment: search.place ?? "",
    masking: search.masking ?? "",
    safety: search.safety !== "0",
    run,
  };
}

function labels(text: string | undefined): string[] {
  if (!text) return [];
  try {
    return text.split(",").filter(Boolean).map(decodeURIComponent);
  } catch {
    return []; // a broken %-escape, typed by hand
  }
}

export function tablesText(tables: readonly string[]): string {
  return tables.map((label) => label.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
}

const MOST_BYTES = 63;
const sizeOf = (text: string) => new TextEncoder().encode(text).length;

/** Cut by whole characters, so that the ending stays within what a name may be. */
export function suggested(name: string, ending = "-restored"): string {
  let kept = "";
  for (const char of name) {
    if (sizeOf(kept + char + ending) > MOST_BYTES) break;
    kept += char;
  }
  return kept.trimEnd() + ending;
}

/** The API takes patterns: what is one in a table's name must mean itself. */
export function asPattern(label: string): string {
  return label.replace(/[*?[]/g, (char) => `[${char}]`);
}

export function bodyOf(wish: Wish, spoken: Spoken): RestoreBody {
  const select = wish.tables.map(asPattern);
  const common = { select, override_unverified: spoken.override };
  if (wish.mode === "in_place")
    return { ...common, mode: "in_place", safety: wish.safety, ...(spoken.confirm && { confirm: spoken.confirm }) };
  return {
    ...common,
    mode: "new",
    name: wish.name.trim(),
    ...(wish.environment && { environment_id: wish.environment }),
    ...(wish.masking && { masking: wish.masking }),
  };
}

/** Where a reason against it is done away with. */
export function remedyOf(code: string): "override" | "where" | "environment" | null {
  if (code === "snapshot_unverified") return "override";
  if (code === "restore_not_allowed") return "environment";
  const elsewhere = ["name_taken", "name_invalid", "cannot_swap", "other_project", "masking_required"];
  return elsewhere.includes(code) ? "where" : null;
}

export const STAGES = ["safety", "provisioning", "restoring", "comparing", "masking", "swapping"] as const;
export type Stage = (typeof STAGES)[number];

export function stagesOf(of: { mode: string; safety: boolean; masking: boolean }): readonly Stage[] {
  return STAGES.filter((stage) => {
    if (stage === "safety") return of.mode === "in_place" && of.safety;
    if (stage === "provisioning") return of.mode === "new";
    if (stage === "masking") return of.masking;
    return stage !== "swapping" || of.mode === "in_place";
  });
}

/** The stage a run's phase belongs to. What is taken first speaks in the phases of a snapshot. */
export function stageAt(stages: readonly Stage[], phase: string | null | undefined): Stage | null {
  if (!phase) return null;
  if (phase === "draining") return "swapping";
  return stages.find((stage) => stage === phase) ?? (stages[0] === "safety" ? "safety" : null);
}
