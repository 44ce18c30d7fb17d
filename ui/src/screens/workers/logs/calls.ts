import type { InvocationOut } from "@/api";

/** By the name of a filter, as the address has them. */
export type CallFilter = Readonly<Record<string, readonly string[]>>;
export const CALL_FILTERS = ["failed", "outcome", "trigger", "version"] as const;
/** Of those that are kept in front of the list: more, and the list is read again. */
export const MOST_NEW = 1000;

/** The same for the list and for its tail. */
export function callsQuery({ failed, outcome, trigger, version }: CallFilter) {
  return {
    ...(failed && { errors: true }),
    ...(outcome && { outcome: outcome[0] }),
    ...(trigger && { trigger: trigger[0] }),
    ...(version && { version_id: version[0] }),
  };
}

/** Those that ended, newest first, before those that ended earlier. */
export function preceded(before: readonly InvocationOut[], ended: readonly InvocationOut[]): readonly InvocationOut[] {
  return ended.length === 0 ? before : [...[...ended].reverse(), ...before];
}
