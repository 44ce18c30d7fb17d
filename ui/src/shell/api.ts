import { client } from "@/api/client.gen";
import { moment } from "@/parts/text";
import { gate } from "./gate";
import { reach } from "./reach";

interface ErrorBody {
  code: string;
  message: string;
  hint?: string | null;
  details?: Record<string, unknown>;
  retryable?: boolean;
}

/** Every answer from 400 up, and no answer at all (`status` 0, code `offline`). */
export class ApiError extends Error {
  readonly code: string;
  readonly hint: string | null;
  readonly details: Record<string, unknown>;
  readonly retryable: boolean;

  constructor(
    readonly status: number,
    body: ErrorBody,
  ) {
    super(body.message);
    this.name = "ApiError";
    this.code = body.code;
    this.details = body.details ?? {};
    this.hint = readable(body.hint ?? null, this.details);
    this.retryable = body.retryable ?? false;
  }

  /** What the server says is wrong, by the field's name without `body.`. */
  get fields(): Record<string, string> {
    const said = Array.isArray(this.details.fields) ? this.details.fields : [];
    const named = said as { field: string; message: string }[];
    return Object.fromEntries(named.map(({ field, message }) => [field.replace(/^body\./, ""), message]));
  }
}

/** A limit's hint names the field that programs wait for; people are told the moment in it. */
function readable(hint: string | null, { reset_at }: Record<string, unknown>): string | null {
  return typeof reset_at === "string" && hint ? hint.replace("`reset_at`", moment(reset_at)) : hint;
}

export function asError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ApiError(0, { code: "page_error", message });
}

function offline(): ApiError {
  return new ApiError(0, { code: "offline", message: "The server did not answer.", retryable: true });
}

async function bodyOf(answer: Response): Promise<ErrorBody> {
  try {
    const { error } = (await answer.clone().json()) as { error: ErrorBody };
    if (typeof error.message === "string") return error;
  } catch {
    // A proxy's page is no envelope of ours; its status is all there is to say.
  }
  return { code: `http_${answer.status}`, message: `The server answered ${answer.status}.` };
}

async function send(request: Request): Promise<Response> {
  try {
    const answer = await fetch(request);
    reach.answered();
    return answer;
  } catch (error) {
    if (request.signal.aborted) throw error;
    reach.silent();
    throw offline();
  }
}

/** These answer 401 themselves and must not open the dialog that calls them. */
const OWN = /^\/api\/v1\/(session|sso|invites)(\/|$)/;

/**
 * A call that finds the session over, or needs the password again, waits for the dialog on top of the page and is then
 * repeated: whoever typed something has it still, and the caller never learns of it.
 */
export async function guarded(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const own = OWN.test(new URL(request.url, location.href).pathname);
  const spare = own ? null : request.clone();
  const answer = await send(request);
  if (!spare) return answer;
  if (answer.status === 401 && (await gate.ask("sign-in"))) return guarded(spare);
  if (answer.status === 403) {
    const { code } = await bodyOf(answer);
    if (code === "step_up_required" && (await gate.ask("step-up"))) return guarded(spare);
  }
  return answer;
}

client.setConfig({ baseUrl: "", fetch: guarded as typeof fetch, throwOnError: true });
client.interceptors.error.use(async (error, answer) => {
  if (error instanceof ApiError) return error;
  if (error instanceof DOMException && error.name === "AbortError") return error;
  const body = (error as { error?: ErrorBody } | undefined)?.error;
  if (body && typeof body.message === "string") return new ApiError(answer?.status ?? 0, body);
  return answer ? new ApiError(answer.status, await bodyOf(answer)) : asError(error);
});

/** The data of a generated call; throws `ApiError`. */
export async function data<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}

/** The header that makes a repeated creation one creation. */
export function once(): { "Idempotency-Key": string } {
  return { "Idempotency-Key": crypto.randomUUID() };
}
