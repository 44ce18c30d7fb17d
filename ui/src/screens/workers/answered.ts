/** Classes of HTTP's statuses as the server counts them, with the colour of each: a property of the theme. */
export const CLASSES = [
  ["1xx", "--muted"],
  ["2xx", "--good"],
  ["3xx", "--info"],
  ["4xx", "--warn"],
  ["5xx", "--bad"],
] as const;

export type Counts = Readonly<Record<string, number>>;

/** Those that there are any of, the lowest first. */
export function classes(statuses: Counts): { name: string; colour: string; count: number }[] {
  return CLASSES.flatMap(([name, colour]) => {
    const count = statuses[name] ?? 0;
    return count > 0 ? [{ name, colour, count }] : [];
  });
}

/** How many ended otherwise than well, the most first. */
export function endings(outcomes: Counts): [outcome: string, count: number][] {
  return Object.entries(outcomes)
    .filter(([outcome, count]) => outcome !== "ok" && count > 0)
    .sort((a, b) => b[1] - a[1]);
}
