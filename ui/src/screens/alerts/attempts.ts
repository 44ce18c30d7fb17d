/** One attempt to deliver, of a delivery's log. */
export interface Attempt {
  attempt: number;
  at: string;
  seconds: number | null;
  ok: boolean;
  /** What the receiver answered with; null when it did not. */
  code: number | null;
  response: string;
  error: string;
  hint: string;
}

const text = (value: unknown) => (typeof value === "string" ? value : "");
const number = (value: unknown) => (typeof value === "number" ? value : null);

/** The API gives attempts as plain objects; what is missing is empty. */
export function attemptsOf(log: readonly Record<string, unknown>[]): Attempt[] {
  return log.map((each, at) => ({
    attempt: number(each.attempt) ?? at + 1,
    at: text(each.at),
    seconds: number(each.seconds),
    ok: each.ok === true,
    code: number(each.code),
    response: text(each.response),
    error: text(each.error),
    hint: text(each.hint),
  }));
}

interface Told {
  code: string;
  message: string;
  hint: string;
}

/** What went wrong the last time, as an alert's details say it; null where they say nothing. */
export function errorOf(details: Record<string, unknown>): Told | null {
  const { error } = details;
  if (typeof error === "string") return { code: "", message: error, hint: "" };
  if (typeof error !== "object" || error === null) return null;
  const { code, message, hint } = error as Record<string, unknown>;
  const said = { code: text(code), message: text(message) || text(code), hint: text(hint) };
  return said.message ? said : null;
}
