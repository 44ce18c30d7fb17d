interface Happened {
  at: string;
  sentence: string;
  outcome: string;
}

/** What was said several times in a row, once: the newest of them, and how many they were. */
export interface Told<R> {
  last: R;
  times: number;
}

export interface Day<R> {
  /** As in a calendar here: `2026-03-09`. */
  day: string;
  told: Told<R>[];
}

function dayOf(at: string): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Newest first in, days newest first out. */
export function folded<R extends Happened>(rows: readonly R[]): Day<R>[] {
  const days: Day<R>[] = [];
  for (const row of rows) {
    const day = dayOf(row.at);
    let here = days.at(-1);
    if (here?.day !== day) {
      here = { day, told: [] };
      days.push(here);
    }
    const before = here.told.at(-1);
    if (before && before.last.sentence === row.sentence && before.last.outcome === row.outcome) before.times += 1;
    else here.told.push({ last: row, times: 1 });
  }
  return days;
}
