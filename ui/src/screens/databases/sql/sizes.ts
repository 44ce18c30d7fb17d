import type { ResultColumn } from "./stream";
import { type Cell, textOf } from "./values";

const LOOKED_AT = 100;
const CHAR_PX = 7.4;
const SIDES_PX = 26;
const LEAST_PX = 72;
const MOST_PX = 380;

export const CUT = 300;

/** Widths in pixels, by what the first rows hold. */
export function widthsOf(columns: readonly ResultColumn[], rows: readonly (readonly Cell[])[]): number[] {
  const some = rows.slice(0, LOOKED_AT);
  return columns.map(({ name, type }, at) => {
    const head = name.length + Math.min(12, type?.length ?? 0) + 1;
    const longest = some.reduce((most, row) => Math.max(most, Math.min(60, textOf(row[at]).length)), head);
    return Math.round(Math.min(MOST_PX, Math.max(LEAST_PX, longest * CHAR_PX + SIDES_PX)));
  });
}
