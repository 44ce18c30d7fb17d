// A worker's own OpenAPI document, asked for as the person at the console: a test request like any other.
import { type TestAnswerOut, workerInvoke } from "@/api";
import { asError, data } from "@/shell/api";
import { type Operation, operationsOf } from "./operations";
import { isRecord } from "./schema";

export const OWN_PATH = "/openapi.json";
const PATIENCE = 20_000; // milliseconds

export type OwnFault =
  | { why: "unreachable"; words: string }
  | { why: "status"; status: number }
  | { why: "large" | "noDocument" | "empty" };

export type OwnFound = { operations: readonly Operation[]; fault: null } | { operations: readonly []; fault: OwnFault };

/** Never throws: why there is none is told beside the form. */
export async function ownDocument(worker: string, path: string, signal: AbortSignal): Promise<OwnFound> {
  try {
    const answer = await data(
      workerInvoke({
        path: { worker_id: worker },
        body: { method: "GET", path, headers: [["accept", "application/json"]] },
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
      }),
    );
    return ownOperations(answer);
  } catch (error) {
    return none({ why: "unreachable", words: asError(error).message });
  }
}

/** What is in an answer that should be a document. Whoever wrote it is not trusted. */
export function ownOperations({ status, body, encoded, truncated }: Answered): OwnFound {
  if (status !== 200) return none({ why: "status", status });
  if (truncated) return none({ why: "large" });
  const document = encoded ? null : parsed(body);
  if (!isRecord(document) || typeof document.openapi !== "string" || !document.openapi.startsWith("3."))
    return none({ why: "noDocument" });
  const operations = operationsOf(document);
  return operations.length > 0 ? { operations, fault: null } : none({ why: "empty" });
}

type Answered = Pick<TestAnswerOut, "status" | "body" | "encoded" | "truncated">;

const none = (fault: OwnFault): OwnFound => ({ operations: [], fault });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
