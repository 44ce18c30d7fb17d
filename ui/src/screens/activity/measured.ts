import { bytes, count, lasted, moment } from "@/parts/text";

/** Numbers that count nothing: which one, not how many. */
const WHICH = /(^|_)(version|port|number|level|seq|line|pid|from|to|until|year)$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** A number or a moment with its unit, by the name it stands under; null for everything else. */
export function measured(name: string, value: unknown): string | null {
  if (typeof value === "number") {
    if (/(^|_)bytes(_|$)/.test(name)) return bytes(value);
    if (/(^|_)seconds(_|$)/.test(name)) return lasted(value);
    return WHICH.test(name) ? String(value) : count(value);
  }
  return typeof value === "string" && MOMENT.test(value) ? moment(value) : null;
}

/** `index_removed` as people write it, for what nobody gave a name. */
export function plainName(name: string): string {
  const words = name
    .replaceAll(/[_.]+/g, " ")
    .trim()
    .replaceAll(/\bid\b/g, "ID");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Names and values, without those that say nothing. */
export function tellable(of: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(of).filter(
    ([, value]) =>
      value !== null &&
      value !== undefined &&
      value !== "" &&
      !(typeof value === "object" && Object.keys(value).length === 0),
  );
}

type Inner = Readonly<Record<string, unknown>>;
const isThing = (value: unknown): value is Inner =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isPlain = (value: unknown): value is Inner =>
  isThing(value) && Object.values(value).every((each) => typeof each !== "object" || each === null);

/** Things without anything within them, each with the name it stands under, if any; null where they go deeper. */
export function linesIn(value: unknown): [string | null, Inner][] | null {
  if (isPlain(value)) return [[null, value]];
  if (Array.isArray(value)) return value.every(isPlain) ? value.map((each) => [null, each]) : null;
  if (!isThing(value) || !Object.values(value).every(isPlain)) return null;
  return Object.entries(value).map(([name, each]) => [name, each as Inner]);
}
