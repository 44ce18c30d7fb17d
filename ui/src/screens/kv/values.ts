import type { KvValueOut } from "@/api";
import { hexdump, pretty, unpacked } from "../workers/console/request";

const MOST_AT_ONCE = 1000;
const LEAST_TTL = 60;

export const keysOf = (namespace: string) => ["kv_namespaces", namespace, "keys"];

/** Seconds since 1970 as a moment; what does not expire has none. */
export const momentOf = (seconds: number | null) => (seconds === null ? null : new Date(seconds * 1000).toISOString());

/** As many as one call takes. */
export function batches<T>(all: readonly T[], most = MOST_AT_ONCE): T[][] {
  return Array.from({ length: Math.ceil(all.length / most) }, (_, nth) => all.slice(nth * most, (nth + 1) * most));
}

export type View = "text" | "json" | "hex";

/** The views a value has, the best one first. */
export function viewsOf({ value, encoded }: Pick<KvValueOut, "value" | "encoded">): View[] {
  if (encoded) return ["hex"];
  return pretty(value) === null ? ["text", "hex"] : ["json", "text", "hex"];
}

export function shown({ value, encoded }: Pick<KvValueOut, "value" | "encoded">, view: View): string {
  if (view === "hex") return hexdump(encoded ? unpacked(value) : new TextEncoder().encode(value));
  return view === "json" ? (pretty(value) ?? value) : value;
}

/** What was typed as metadata: JSON, or nothing. Throws with a word of `kv:wrong`. */
export function metadataOf(typed: string): unknown {
  if (typed.trim() === "") return null;
  try {
    return JSON.parse(typed);
  } catch {
    throw new Error("metadata");
  }
}

/** Seconds from now, at least a minute; nothing: it stays. Throws with a word of `kv:wrong`. */
export function ttlOf(typed: string): number | null {
  if (typed.trim() === "") return null;
  const seconds = Number(typed);
  if (!Number.isInteger(seconds) || seconds < LEAST_TTL) throw new Error("ttl");
  return seconds;
}
