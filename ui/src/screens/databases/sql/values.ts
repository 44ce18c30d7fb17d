/** A value as the API writes it: bytes are {"$bytes": base64}, a document with "$" keys {"$json": ...}. */
export type Cell = unknown;

export function bytesOf(value: Cell): string | null {
  const held = value as { $bytes?: unknown } | null;
  return typeof held === "object" && typeof held?.$bytes === "string" ? held.$bytes : null;
}

/** As text; "" for NULL. Bytes as hexadecimal. */
export function textOf(value: Cell): string {
  if (value === null || value === undefined) return "";
  const bytes = bytesOf(value);
  if (bytes !== null) return `\\x${hexOf(bytes)}`;
  return typeof value === "object" ? JSON.stringify((value as { $json?: unknown }).$json ?? value) : String(value);
}

export function hexOf(base64: string): string {
  return Array.from(atob(base64), (char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}
