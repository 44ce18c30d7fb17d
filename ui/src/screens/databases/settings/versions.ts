/** Versions above `from`, as they are numbered; a name without a number leads nowhere. */
export function above(versions: readonly string[], from: string): string[] {
  const here = Number.parseFloat(from);
  return versions
    .filter((each) => Number.parseFloat(each) > here)
    .sort((a, b) => Number.parseFloat(a) - Number.parseFloat(b));
}
