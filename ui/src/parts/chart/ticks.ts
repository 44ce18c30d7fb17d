import type { Point } from "./Chart";

const MOST = 4;

/** Where an axis of bytes is marked: at a power of two and its multiples, which people read as round numbers. */
export function byteTicks(points: readonly Point[], keys: readonly string[]): number[] {
  const most = Math.max(0, ...points.flatMap((point) => keys.map((key) => Number(point[key] ?? 0))));
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, most) / MOST)));
  return Array.from({ length: Math.max(1, Math.ceil(most / step)) + 1 }, (_, nth) => nth * step);
}

/** Whether a value has none beside it: a line through it would not be seen. */
export function standsAlone(points: readonly Point[], key: string, at: number): boolean {
  const has = (nth: number) => points[nth]?.[key] != null;
  return has(at) && !has(at - 1) && !has(at + 1);
}
