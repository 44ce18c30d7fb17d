import type { WorkerLogOut } from "@/api";

export const MOST_LINES = 5000;

/** Lines one after the other, each once, whatever order answers came in; the oldest go when there are too many. */
export function appended(before: readonly WorkerLogOut[], more: readonly WorkerLogOut[]): readonly WorkerLogOut[] {
  const last = before.at(-1)?.seq ?? -1;
  const news = more.filter(({ seq }) => seq > last).sort((a, b) => a.seq - b.seq);
  if (news.length === 0) return before;
  const all = [...before, ...news];
  return all.length > MOST_LINES ? all.slice(all.length - MOST_LINES) : all;
}

/** For a file or the clipboard. */
export function asText(lines: readonly WorkerLogOut[]): string {
  return lines.map(({ at, level, text }) => `${new Date(at).toISOString()} ${level} ${text}`).join("\n");
}
