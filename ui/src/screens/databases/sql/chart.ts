import type { Point } from "@/parts/chart/Chart";
import type { Rows } from "./copy";
import { type Cell, textOf } from "./values";

export const MOST_POINTS = 2000;
const LOOKED_AT = 200;
const MOST_SERIES = 4;
const MOMENT = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d)?/;
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const NUMERIC = /int|numeric|decimal|real|double|float|money/i;

export type As = "time" | "number" | "name";
export interface Picture {
  kind: "line" | "area" | "bar";
  x: number;
  series: readonly number[];
}

/** What a column holds, by what stands in it. */
export function kindOf({ columns, rows }: Rows, at: number): As {
  const some = rows.slice(0, LOOKED_AT).flatMap((row) => (row[at] === null || row[at] === undefined ? [] : [row[at]]));
  const exact = NUMERIC.test(columns[at]?.type ?? "");
  if (some.length === 0) return "name";
  if (some.every((value) => typeof value === "number" || (exact && NUMBER.test(textOf(value))))) return "number";
  return some.every((value) => typeof value === "string" && MOMENT.test(value)) ? "time" : "name";
}

/** What shows most at once: figures over time, else by name, else by the first figure. null: there is no figure. */
export function suggested(result: Rows): Picture | null {
  const kinds = result.columns.map((_, at) => kindOf(result, at));
  const time = kinds.indexOf("time");
  const name = kinds.indexOf("name");
  const x = time >= 0 ? time : name >= 0 ? name : 0;
  const series = kinds.flatMap((kind, at) => (kind === "number" && at !== x ? [at] : []));
  const said = series.filter((at) => !/^id$|_id$/i.test(result.columns[at]?.name ?? ""));
  const some = (said.length > 0 ? said : series).slice(0, MOST_SERIES);
  if (some.length > 0) return { kind: time < 0 && name >= 0 ? "bar" : "line", x, series: some };
  return kinds[0] === "number" ? { kind: "bar", x: 0, series: [0] } : null;
}

function figure(value: Cell): number | null {
  if (value === null || value === undefined || textOf(value) === "") return null;
  const number = Number(textOf(value));
  return Number.isFinite(number) ? number : null;
}

/** Keys are the columns' places: two columns may have one name. */
export function pointsOf({ rows }: Rows, { x, series }: Picture, as: As): Point[] {
  const points = rows.slice(0, MOST_POINTS).map((row) => {
    const point: Point = Object.fromEntries(series.map((at) => [`y${at}`, figure(row[at])]));
    point.x = as === "number" ? figure(row[x]) : textOf(row[x]);
    return point;
  });
  if (as === "name") return points;
  const place = (point: Point) => (as === "time" ? Date.parse(String(point.x)) : Number(point.x));
  return points
    .filter((point) => point.x !== null && Number.isFinite(place(point)))
    .sort((a, b) => place(a) - place(b));
}
