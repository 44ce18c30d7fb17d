/** What a person wrote one a line, or parted by commas; empty ones are none, and each comes once. */
export function entries(text: string): string[] {
  const found = text.split(/[\n,]/).map((each) => each.trim());
  return [...new Set(found.filter(Boolean))];
}

export function lines(of: readonly string[] | undefined): string {
  return (of ?? []).join("\n");
}

/** A value of a variable: JSON where it reads as JSON, else the text itself. */
export function meantValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** As `meantValue` takes it back: text that reads as something else stands in quotes. */
export function shownValue(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return meantValue(value) === value ? value : JSON.stringify(value);
}
