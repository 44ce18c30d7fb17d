import type { Search } from "@/shell/search";

export const STEPS = ["choose", "snapshot", "break", "restore", "rows"] as const;
export type Step = (typeof STEPS)[number];

/** What the steps found out so far; all of it is in the address. */
export interface Journey {
  step: Step;
  /** Of this person's own databases nothing is broken: that step is not theirs, and what comes back comes back beside. */
  own: boolean;
  database: string;
  snapshot: string;
  /** What the step waits for. */
  run: string;
  /** The database with the rows that came back. */
  target: string;
}

const NEEDS: Record<Step, readonly (keyof Journey)[]> = {
  choose: [],
  snapshot: ["database"],
  break: ["database", "snapshot"],
  restore: ["database", "snapshot"],
  rows: ["database", "target"],
};

/** An address that lacks what its step needs, or names a step of the other way, is at the last step that it can be at. */
export function journey(search: Search): Journey {
  const { database = "", snapshot = "", run = "", target = "" } = search;
  const own = search.own === "1";
  const found = { own, database, snapshot, run, target };
  const mine = steps(own);
  const asked = mine.indexOf(search.step as Step);
  const here = mine.slice(0, asked + 1).findLast((step) => NEEDS[step].every((need) => found[need as "database"]));
  return { step: here ?? "choose", ...found };
}

export function steps(own: boolean): readonly Step[] {
  return own ? STEPS.filter((step) => step !== "break") : STEPS;
}
