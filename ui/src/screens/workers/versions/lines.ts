export interface DiffLine {
  kind: "added" | "removed" | "same" | "hunk";
  text: string;
  before: number | null;
  after: number | null;
}

/** A unified diff as lines with their numbers on both sides; its two lines of names are left out. */
export function numbered(lines: readonly string[]): DiffLine[] {
  let [before, after] = [0, 0];
  const made: DiffLine[] = [];
  for (const line of lines) {
    if (made.length === 0 && (line.startsWith("--- ") || line.startsWith("+++ "))) continue;
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line);
    if (hunk) {
      [before, after] = [Number(hunk[1]), Number(hunk[2])];
      made.push({ kind: "hunk", text: line, before: null, after: null });
      continue;
    }
    const text = line.slice(1);
    if (line.startsWith("+")) made.push({ kind: "added", text, before: null, after: after++ });
    else if (line.startsWith("-")) made.push({ kind: "removed", text, before: before++, after: null });
    else made.push({ kind: "same", text, before: before++, after: after++ });
  }
  return made;
}
