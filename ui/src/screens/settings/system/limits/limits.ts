import type { LimitOut, ShippedOut } from "@/api";
import { bytes, count } from "@/parts/text";

export const KINDS = ["project", "user", "key", "address"] as const;
export type Kind = LimitOut["subject"];
export type What = LimitOut["what"];
export const WHATS = ["calls", "burst", "backups", "downloads", "storage", "workers", "versions"] as const;
const GB = 1024 ** 3;

/** What a kind may be limited in: what the server ships a limit for. */
export function whatsOf(shipped: readonly ShippedOut[], kind: Kind): What[] {
  return WHATS.filter((what) => shipped.some((each) => each.subject === kind && each.what === what));
}

/** What holds for everyone of a kind: what was set as its default, else what is shipped. */
export function standing(
  shipped: readonly ShippedOut[],
  own: readonly LimitOut[],
  kind: Kind,
  what: What,
): { amount: number | null; window_seconds: number; own: LimitOut | null } | null {
  const set = own.find((each) => each.subject === kind && each.subject_id === null && each.what === what);
  if (set) return { amount: set.amount, window_seconds: set.window_seconds, own: set };
  const born = shipped.find((each) => each.subject === kind && each.what === what);
  return born ? { amount: born.amount, window_seconds: born.window_seconds, own: null } : null;
}

export function amountText(what: What, amount: number): string {
  return what === "storage" ? bytes(amount) : count(amount);
}

/** As it is typed: storage in gigabytes. */
export function typedOf(what: What, amount: number | null): string {
  if (amount === null) return "";
  return what === "storage" ? String(Math.round((amount / GB) * 1000) / 1000) : String(amount);
}

export function amountOf(what: What, typed: string): number {
  const number = Number(typed.replace(",", "."));
  return what === "storage" ? Math.round(number * GB) : Math.round(number);
}
