import { language } from "@/shell/words";

/** A formatter takes longer to make than a row to draw, and lists ask for one in every cell: each is made once. */
function kept<A extends object, F>(make: (locale: string, how: A) => F): (locale: string, how: A) => F {
  const made = new Map<string, F>();
  return (locale, how) => {
    const key = `${locale} ${JSON.stringify(how)}`;
    let format = made.get(key);
    if (format === undefined) {
      format = make(locale, how);
      made.set(key, format);
    }
    return format;
  };
}

const numbers = kept((locale, how: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale, how));
const dates = kept((locale, how: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, how));
const relative = kept((locale, how: Intl.RelativeTimeFormatOptions) => new Intl.RelativeTimeFormat(locale, how));

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

/** Powers of 1024, three figures at most: `1.21 GB`. */
export function bytes(count: number, locale: string = language()): string {
  const step = count > 0 ? Math.min(UNITS.length - 1, Math.floor(Math.log2(count) / 10)) : 0;
  const value = count / 1024 ** step;
  const digits = step === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const number = numbers(locale, { maximumFractionDigits: digits }).format(value);
  return `${number} ${UNITS[step]}`;
}

export function count(value: number, locale: string = language()): string {
  return numbers(locale, {}).format(value);
}

/** `1.2M` where there is little room. */
export function briefly(value: number, locale: string = language()): string {
  return numbers(locale, { notation: "compact" }).format(value);
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** "3 min ago", "in 2 hours". Below a minute: "now". */
export function ago(at: string, now: number = Date.now(), locale: string = language()): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const format = relative(locale, { numeric: "auto", style: "short" });
  for (const [unit, size] of STEPS)
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  return format.format(0, "second");
}

export function moment(at: string, locale: string = language()): string {
  return dates(locale, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(at));
}

export function day(at: string, locale: string = language()): string {
  return dates(locale, { dateStyle: "medium" }).format(new Date(at));
}

export function clock(at: string, locale: string = language()): string {
  return dates(locale, { timeStyle: "medium" }).format(new Date(at));
}

/** On an axis that spans so many milliseconds: the time of day, or the day. */
export function shortMoment(at: number, span: number, locale: string = language()): string {
  const short: Intl.DateTimeFormatOptions =
    span > 2 * 86_400_000 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
  return dates(locale, short).format(new Date(at));
}

/** `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function lasted(seconds: number, locale: string = language()): string {
  const number = (value: number, digits = 0) => numbers(locale, { maximumFractionDigits: digits }).format(value);
  if (seconds < 1) return `${number(seconds * 1000)} ms`;
  if (seconds < 60) return `${number(seconds, 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${number(Math.floor(whole / 60))} min ${number(whole % 60)} s`;
  return `${number(Math.floor(whole / 3600))} h ${number(Math.floor((whole % 3600) / 60))} min`;
}
