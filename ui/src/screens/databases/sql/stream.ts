import { ApiError, guarded } from "@/shell/api";
import type { Cell } from "./values";

export interface ResultColumn {
  name: string;
  type: string | null;
}

/** A result as it grows: `rows` is one array that is added to, `count` says how much of it is there. */
export interface Result {
  statement: string;
  columns: readonly ResultColumn[];
  rows: Cell[][];
  count: number;
  affected: number | null;
  truncated: string | null;
  ms: number;
  isOver: boolean;
  error: ApiError | null;
}

export interface Ask {
  statement: string;
  write: boolean;
  rows: number;
  params?: Record<string, unknown>;
  signal: AbortSignal;
}

interface Line {
  columns?: ResultColumn[];
  rows?: Cell[][];
  end?: { affected: number | null; truncated: string | null };
  error?: { code: string; message: string; status: number; hint?: string; details?: Record<string, unknown> };
}

const SHOW_MS = 120;
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_SECONDS = 300;

/** The lines of a body; a line may come in several pieces, and several in one. */
export async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line) yield line;
    if (done) break;
  }
  if (rest) yield rest;
}

async function refused(answer: Response): Promise<ApiError> {
  const body = (await answer.json().catch(() => null)) as { error?: Line["error"] } | null;
  const message = `The server answered ${answer.status}.`;
  return new ApiError(answer.status, body?.error ?? { code: `http_${answer.status}`, message });
}

/** Runs one statement; `show` is called at most every 120 ms with what is there. Ends the statement when aborted. */
export async function run(database: string, ask: Ask, show: (result: Result) => void): Promise<Result> {
  const begun = performance.now();
  const result: Result = {
    statement: ask.statement,
    columns: [],
    rows: [],
    count: 0,
    affected: null,
    truncated: null,
    ms: 0,
    isOver: false,
    error: null,
  };
  let shown = 0;
  const now = (): Result => ({ ...result, count: result.rows.length, ms: performance.now() - begun });
  try {
    const answer = await guarded(`/api/v1/databases/${encodeURIComponent(database)}/query`, {
      method: "POST",
      signal: ask.signal,
      headers: { "content-type": "application/json", accept: "application/x-ndjson" },
      body: JSON.stringify({
        statement: ask.statement,
        write: ask.write,
        ...(ask.params && { params: ask.params }),
        limits: { rows: ask.rows, bytes: MOST_BYTES, seconds: MOST_SECONDS },
      }),
    });
    if (!answer.ok || !answer.body) throw await refused(answer);
    for await (const text of linesOf(answer.body)) {
      const line = JSON.parse(text) as Line;
      if (line.columns) result.columns = line.columns;
      for (const row of line.rows ?? []) result.rows.push(row);
      if (line.end) Object.assign(result, line.end, { isOver: true });
      if (line.error) throw new ApiError(line.error.status, line.error);
      if (performance.now() - shown > SHOW_MS) {
        shown = performance.now();
        show(now());
      }
    }
    if (!result.isOver) throw new ApiError(0, { code: "offline", message: "The result broke off.", retryable: true });
  } catch (thrown) {
    result.error = ask.signal.aborted
      ? new ApiError(0, { code: "cancelled", message: "cancelled" })
      : thrown instanceof ApiError
        ? thrown
        : new ApiError(0, { code: "page_error", message: String(thrown) });
  }
  result.isOver = true;
  const last = now();
  show(last);
  return last;
}
