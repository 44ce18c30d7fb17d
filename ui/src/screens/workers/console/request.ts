import { recall, remember } from "@/shell/store";

/** A request as it is typed. Headers with an empty name are not sent. */
export interface Typed {
  method: string;
  path: string;
  headers: readonly (readonly [name: string, value: string])[];
  body: string;
  /** The body is base64: of a case that was saved so. */
  encoded?: boolean;
}

/** One that was sent, and what came of it. */
export interface Past {
  at: string;
  request: Typed;
  status: number | null;
  ms: number | null;
}

export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] as const;
export const FIRST: Typed = { method: "GET", path: "/", headers: [], body: "" };
export const MOST_PAST = 50;
const MOST_BODY = 20_000;
/** What a browser's storage should not hold on to. */
const SECRET = /^(authorization|proxy-authorization|cookie|x-api-key|.*(token|secret|password).*)$/i;

export const hasBody = (method: string) => !["GET", "HEAD"].includes(method);

export const isHeader = (given: string, name: string) => given.trim().toLowerCase() === name.toLowerCase();

/** What the API takes. */
export function asked({ method, path, headers, body, encoded }: Typed) {
  const named = headers.filter(([name]) => name.trim() !== "");
  return {
    method,
    path: path.startsWith("/") ? path : `/${path}`,
    headers: named.map(([name, value]): [string, string] => [name.trim(), value.trim()]),
    body: hasBody(method) ? body : "",
    encoded: encoded === true && hasBody(method),
  };
}

/** Without what lets somebody in: the names of such headers stay, their values do not. */
export function forgetful(request: Typed): Typed {
  return {
    ...request,
    headers: request.headers.map(([name, value]) => [name, SECRET.test(name) ? "" : value] as const),
    body: request.body.slice(0, MOST_BODY),
  };
}

const same = (one: Typed, other: Typed) => JSON.stringify(one) === JSON.stringify(other);

/** Newest first; what is sent again moves to the top. */
export function withPast(history: readonly Past[], past: Past): Past[] {
  const one = { ...past, request: forgetful(past.request) };
  return [one, ...history.filter(({ request }) => !same(request, one.request))].slice(0, MOST_PAST);
}

export function recalled(worker: string): Past[] {
  const found = recall<unknown>(`console.${worker}`, []);
  return Array.isArray(found) ? (found as Past[]).filter((each) => typeof each?.request?.path === "string") : [];
}

export const keep = (worker: string, history: readonly Past[]) => remember(`console.${worker}`, history);

/** JSON with its lines; null for what is none. */
export function pretty(body: string): string | null {
  if (!/^\s*[[{]/.test(body)) return null;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return null;
  }
}

/** 16 bytes a line, as `hexdump -C` has them. */
export function hexdump(bytes: Uint8Array, most = 4096): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const part = [...bytes.subarray(at, at + 16)];
    const hex = part.map((each) => each.toString(16).padStart(2, "0")).join(" ");
    const text = part.map((each) => (each >= 32 && each < 127 ? String.fromCharCode(each) : ".")).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}

export function unpacked(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
}

export function toneOf(status: number): "good" | "info" | "warn" | "bad" {
  return status < 300 ? "good" : status < 400 ? "info" : status < 500 ? "warn" : "bad";
}
