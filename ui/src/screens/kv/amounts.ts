import type { NamespaceLimitsIn, NamespaceOut } from "@/api";

const MIB = 1024 * 1024;

type Limits = Pick<NamespaceOut, "max_keys" | "max_bytes">;

/** As people type them; "" where there is none. A size comes back as it was: MB are a power of two. */
export function typed({ max_keys, max_bytes }: Limits): { keys: string; size: string } {
  return {
    keys: max_keys === null ? "" : String(max_keys),
    size: max_bytes === null ? "" : String(max_bytes / MIB),
  };
}

/** What is sent: the limits that were changed, null for one that is taken away. */
export function changes(before: Limits, draft: { keys: string; size: string }): NamespaceLimitsIn {
  const max_keys = draft.keys.trim() === "" ? null : Number(draft.keys);
  const max_bytes = draft.size.trim() === "" ? null : Math.round(Number(draft.size) * MIB);
  return {
    ...(max_keys !== before.max_keys && { max_keys }),
    ...(max_bytes !== before.max_bytes && { max_bytes }),
  };
}
