import { linesOf } from "@/screens/databases/sql/stream";
import { ApiError, guarded } from "@/shell/api";

export interface Finding {
  kind: string;
  seq: number | null;
  id: string | null;
  message: string;
}

/** See `VerifiedOut` of the API; it comes as the last line of a stream, which the generated client does not know. */
export interface Verified {
  ok: boolean;
  rows: number;
  waiting: number;
  erased: number;
  anchors: number;
  head_seq: number | null;
  found: number;
  findings: Finding[];
}

interface Said {
  done?: number;
  of?: number;
  result?: Verified;
  error?: { code: string; message: string; status: number; hint?: string };
}

/** Has the whole log read again; `told` hears how far it is. Throws `ApiError`, also when the answer breaks off. */
export async function verify(told: (done: number, of: number) => void, signal: AbortSignal): Promise<Verified> {
  const answer = await guarded("/api/v1/audit/verify", {
    method: "POST",
    signal,
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  if (!answer.ok || !answer.body) {
    const body = (await answer.json().catch(() => null)) as Said | null;
    const message = `The server answered ${answer.status}.`;
    throw new ApiError(answer.status, body?.error ?? { code: `http_${answer.status}`, message });
  }
  for await (const text of linesOf(answer.body)) {
    const line = JSON.parse(text) as Said;
    if (line.error) throw new ApiError(line.error.status, line.error);
    if (line.result) return line.result;
    if (line.of !== undefined) told(line.done ?? 0, line.of);
  }
  throw new ApiError(0, { code: "offline", message: "The answer broke off.", retryable: true });
}

/** Of all that is wrong, the row that comes first: from there on the log proves nothing. */
export function firstBroken(findings: readonly Finding[]): Finding | null {
  const placed = findings.filter(({ seq }) => seq !== null);
  const [first = null] = [...placed].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
  return first ?? findings[0] ?? null;
}
