/** "tier=gold" or "tier": a label as people type it. null where nothing is named. */
export function labelOf(text: string): [string, string] | null {
  const [key = "", ...value] = text.split("=");
  const name = key.trim();
  return name ? [name, value.join("=").trim()] : null;
}

export function written([key, value]: readonly [string, string]): string {
  return value ? `${key}=${value}` : key;
}

/** `labels` with those added, and those of `without` taken off. */
export function relabelled(
  labels: Readonly<Record<string, string>>,
  add: readonly (readonly [string, string])[],
  without: readonly string[] = [],
): Record<string, string> {
  const kept = Object.entries(labels).filter(([key]) => !without.includes(key));
  return Object.fromEntries([...kept, ...add]);
}
