import { workerLogList } from "@/api";
import { data } from "@/shell/api";

const TRIES = 8;
const BETWEEN_MS = 250;
const NEWEST = 50;

/** The refusal says what was being done, then the last line of the trace. */
export function tells(trace: string, error: string): boolean {
  const last = trace.trimEnd().split("\n").at(-1)?.trim();
  return Boolean(last) && error.endsWith(last ?? "");
}

/**
 * The whole trace of a version that was tried and cannot start: its log has it, a moment after the refusal, which has
 * the last words alone. Null when it does not come; the words are shown then.
 */
export async function traceOf(worker: string, said: Record<string, unknown>): Promise<string | null> {
  const { version_id: version, error } = said;
  if (typeof version !== "string" || typeof error !== "string") return null;
  const query = { version_id: version, level: "error", limit: NEWEST };
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      const { items } = await data(workerLogList({ path: { worker_id: worker }, query }));
      const found = items.find(({ text }) => tells(text, error));
      if (found) return found.text;
    } catch {
      return null; // the refusal itself is shown all the same
    }
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
  return null;
}
