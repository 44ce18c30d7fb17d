/** Five fields as the server reads them: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday). */
export type Every = "hour" | "day" | "week" | "month" | "own";

/** What the builder's controls hold; `line` is the whole line when it is none of theirs. */
export interface Rhythm {
  every: Every;
  minute: number;
  hour: number;
  /** 0 is Sunday. */
  days: readonly number[];
  date: number;
  line: string;
}

export const NIGHTLY: Rhythm = { every: "day", minute: 0, hour: 2, days: [0], date: 1, line: "0 2 * * *" };
const PRESETS: Record<string, string> = {
  hourly: "0 * * * *",
  daily: "0 0 * * *",
  weekly: "0 0 * * 0",
  monthly: "0 0 1 * *",
};
const BOUNDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;
const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const DAYS = "sun mon tue wed thu fri sat".split(" ");

export function lineOf({ every, minute, hour, days, date, line }: Rhythm): string {
  if (every === "hour") return `${minute} * * * *`;
  if (every === "day") return `${minute} ${hour} * * *`;
  if (every === "week") return `${minute} ${hour} * * ${days.length ? [...days].sort().join(",") : "0"}`;
  if (every === "month") return `${minute} ${hour} ${date} * *`;
  return line.trim();
}

/** The controls for a line or a preset's name. */
export function rhythmOf(given: string): Rhythm {
  const line = PRESETS[given.replace(/^@/, "")] ?? given.trim();
  const [minute = "", hour = "", date = "", month = "", days = ""] = line.split(/\s+/);
  const found: Rhythm = { ...NIGHTLY, every: "own", minute: Number(minute), hour: Number(hour), line };
  if (line.split(/\s+/).length !== 5 || month !== "*" || !/^\d+$/.test(minute))
    return { ...NIGHTLY, every: "own", line };
  if (hour === "*" && date === "*" && days === "*") return { ...found, hour: 0, every: "hour" };
  if (!/^\d+$/.test(hour)) return { ...NIGHTLY, every: "own", line };
  if (date === "*" && days === "*") return { ...found, every: "day" };
  if (date === "*" && /^[0-7](,[0-7])*$/.test(days))
    return { ...found, every: "week", days: [...new Set(days.split(",").map((day) => Number(day) % 7))] };
  if (/^\d+$/.test(date) && days === "*") return { ...found, every: "month", date: Number(date) };
  return { ...NIGHTLY, every: "own", line };
}

type Fields = readonly [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>];

/** The numbers of each field; null for what this page cannot read (the server still may). */
export function parse(given: string): Fields | null {
  const parts = (PRESETS[given.replace(/^@/, "")] ?? given).trim().toLowerCase().split(/\s+/);
  if (parts.length !== 5) return null;
  const fields = parts.map((part, at) => field(part, at));
  if (fields.some((each) => !each)) return null;
  const days = fields[4] as Set<number>;
  if (days.delete(7)) days.add(0);
  return fields as unknown as Fields;
}

function field(text: string, at: number): Set<number> | null {
  const [low, high] = BOUNDS[at] ?? [0, 0];
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const [, from, , to, , step] = /^([a-z]+|\d+|\*)(-([a-z]+|\d+))?(\/(\d+))?$/.exec(part) ?? [];
    if (from === undefined) return null;
    const first = from === "*" ? low : number(from, at);
    const last = from === "*" ? high : to !== undefined ? number(to, at) : step !== undefined ? high : first;
    const every = step === undefined ? 1 : Number(step);
    if (!(first >= low && last <= high && first <= last && every > 0)) return null;
    for (let value = first; value <= last; value += every) found.add(value);
  }
  return found;
}

function number(word: string, at: number): number {
  const names = at === 3 ? MONTHS : at === 4 ? DAYS : [];
  const place = names.indexOf(word);
  return place >= 0 ? place + (at === 3 ? 1 : 0) : /^\d+$/.test(word) ? Number(word) : Number.NaN;
}

/** How far a zone's clock is from UTC at a moment, in milliseconds. */
function offset(at: number, format: Intl.DateTimeFormat): number {
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

const DAY_MS = 86_400_000;
const FAR_DAYS = 8 * 366; // 29 February on a Monday

/** The next moments of a line in a time zone. Empty for a line that cannot be read or never comes. */
export function upcoming(line: string, tz: string, count: number, now: number = Date.now()): Date[] {
  const fields = parse(line);
  if (!fields) return [];
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      ...{ timeZone: tz, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" },
      ...{ hour: "numeric", minute: "numeric", second: "numeric" },
    });
  } catch {
    return [];
  }
  const [minutes, hours, dates, months, days] = fields;
  const eitherDay = dates.size < 31 && days.size < 7;
  const found: Date[] = [];
  const today = Math.floor((now + offset(now, format)) / DAY_MS) * DAY_MS;
  for (let day = 0; day < FAR_DAYS && found.length < count; day++) {
    const local = new Date(today + day * DAY_MS);
    const byDate = dates.has(local.getUTCDate());
    const byDay = days.has(local.getUTCDay());
    if (!months.has(local.getUTCMonth() + 1) || !(eitherDay ? byDate || byDay : byDate && byDay)) continue;
    for (const hour of [...hours].sort((a, b) => a - b))
      for (const minute of [...minutes].sort((a, b) => a - b)) {
        const wall = local.getTime() + (hour * 60 + minute) * 60_000;
        const guess = wall - offset(wall, format);
        const at = wall - offset(guess, format);
        if (at > now && found.length < count) found.push(new Date(at));
      }
  }
  return found;
}
