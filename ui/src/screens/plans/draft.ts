import type { PlanIn, PlanOut } from "@/api";
import { lineOf, NIGHTLY, rhythmOf } from "./cron";
import type { Schedule } from "./ScheduleEditor";

export const KEEP = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;
export type Kept = (typeof KEEP)[number];
type Rules = Record<string, unknown>;

/** A plan as its form holds it: numbers as text, so that an empty field is an empty field. */
export interface Draft {
  name: string;
  description: string;
  environments: readonly string[];
  which: "all" | "labels" | "names";
  labels: string;
  names: string;
  schedules: readonly Schedule[];
  repository: string;
  keeps: boolean;
  keep: Record<Kept, string>;
  minimum: string;
  concurrency: string;
  deadlineHours: string;
  gapHours: string;
  /** What the form has no control for is sent back as it came. */
  rest: { selection: Rules; retention: Rules; schedules: readonly Rules[]; repositories: readonly string[] };
}

let made = 0;

export function schedule(line: string, tz: string): Schedule {
  made += 1;
  return { ...rhythmOf(line), key: `s${made}`, tz };
}

export function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** A nightly plan for everything, kept for a week, a month and a year. */
export function fresh(): Draft {
  return {
    name: "",
    description: "",
    environments: [],
    which: "all",
    labels: "",
    names: "",
    schedules: [schedule(NIGHTLY.line, zone())],
    repository: "",
    keeps: true,
    keep: { last: "", hourly: "", daily: "7", weekly: "4", monthly: "12", yearly: "" },
    minimum: "1",
    concurrency: "2",
    deadlineHours: "",
    gapHours: "",
    rest: { selection: {}, retention: {}, schedules: [], repositories: [] },
  };
}

const words = (value: unknown) => (Array.isArray(value) ? value.map(String).join(", ") : "");
const text = (value: unknown) => (value === null || value === undefined ? "" : String(value));

export function draftOf(plan: PlanOut): Draft {
  const selection = plan.selection as Rules;
  const retention = (plan.retention ?? {}) as Rules;
  const labels = words(selection.labels);
  const names = words(selection.names);
  const hours = (seconds: number | null) => (seconds === null ? "" : String(seconds / 3600));
  return {
    name: plan.name,
    description: plan.description,
    environments: plan.environment_ids,
    which: labels ? "labels" : names ? "names" : "all",
    labels,
    names,
    schedules: plan.schedules.map((each) => schedule(text(each.cron ?? each.preset), text(each.tz) || "UTC")),
    repository: plan.repository_ids[0] ?? "",
    keeps: plan.retention !== null,
    keep: Object.fromEntries(KEEP.map((rule) => [rule, text(retention[rule])])) as Record<Kept, string>,
    minimum: text(retention.minimum ?? 1),
    concurrency: text(plan.concurrency),
    deadlineHours: hours(plan.deadline_seconds),
    gapHours: hours(plan.max_gap_seconds),
    rest: { selection, retention, schedules: plan.schedules as Rules[], repositories: plan.repository_ids.slice(1) },
  };
}

const split = (list: string) =>
  list
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
const whole = (value: string) => (value.trim() === "" ? null : Math.round(Number(value)));
const seconds = (hours: string) => (hours.trim() === "" ? null : Math.round(Number(hours.replace(",", ".")) * 3600));

/** What is sent. Schedules keep their name and how late they may be, when they were there before. */
export function bodyOf(draft: Draft): PlanIn {
  const { rest } = draft;
  const kept = rest.selection.resources ? { resources: rest.selection.resources as string[] } : {};
  const selection =
    draft.which === "all"
      ? Array.isArray(rest.selection.resources) && rest.selection.resources.length > 0
        ? kept
        : { all: true }
      : draft.which === "labels"
        ? { labels: split(draft.labels), ...kept }
        : { names: split(draft.names), ...kept };
  const rules = Object.fromEntries(KEEP.map((rule) => [rule, whole(draft.keep[rule])]));
  return {
    name: draft.name,
    description: draft.description,
    environment_ids: [...draft.environments],
    selection,
    schedules: draft.schedules.map((each, at) => {
      const { preset: _preset, cron: _cron, tz: _tz, ...before } = (rest.schedules[at] ?? {}) as Rules;
      return { ...before, cron: lineOf(each), tz: each.tz };
    }),
    repository_ids: draft.repository ? [draft.repository, ...rest.repositories] : [],
    retention: draft.keeps ? { ...rest.retention, ...rules, minimum: whole(draft.minimum) ?? 1 } : null,
    concurrency: whole(draft.concurrency) ?? 1,
    deadline_seconds: seconds(draft.deadlineHours),
    max_gap_seconds: seconds(draft.gapHours),
  };
}
