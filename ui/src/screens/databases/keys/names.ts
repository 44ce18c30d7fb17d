import { bytesOf, type Cell } from "../sql/values";

/** What names a key on the wire: text, or {"$bytes": base64} where it is no text. */
export type KeyName = string | { [key: string]: unknown };

export function nameFrom(name: unknown): KeyName {
  return typeof name === "string" ? name : (name as { [key: string]: unknown });
}

/** One name, one word: for selecting and for React. */
export const idOf = (name: unknown): string => JSON.stringify(name);

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** For people: what cannot be seen is written out, so that two names that differ look different. */
export function readable(name: unknown): string {
  const base64 = bytesOf(name);
  if (base64 === null) {
    const text = String(name);
    if (text === "") return '""';
    return text.replace(INVISIBLE, (char) => {
      const code = char.codePointAt(0) ?? 0;
      return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
    });
  }
  return Array.from(atob(base64), (char) => {
    const code = char.charCodeAt(0);
    return code > 31 && code < 127 ? char : `\\x${code.toString(16).padStart(2, "0")}`;
  }).join("");
}

/** What a person typed as a name: `\x00` and `\\` are written out; the bytes that come of it are no text, where they are none. */
export function typedName(typed: string): KeyName {
  if (!/\\(x[0-9a-f]{2}|\\)/i.test(typed)) return typed;
  const bytes: number[] = [];
  for (const [piece, code] of typed.matchAll(/\\x([0-9a-f]{2})|\\\\|[\s\S]/giu)) {
    if (code !== undefined) bytes.push(Number.parseInt(code, 16));
    else bytes.push(...new TextEncoder().encode(piece === "\\\\" ? "\\" : piece));
  }
  return cellOf(Uint8Array.from(bytes)) as KeyName;
}

/** Bytes as the wire has them: text where they are UTF-8. */
export function cellOf(bytes: Uint8Array): Cell {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { $bytes: btoa(Array.from(bytes, (code) => String.fromCharCode(code)).join("")) };
  }
}

export function bytesIn(value: Cell): Uint8Array {
  const base64 = bytesOf(value);
  if (base64 === null) return new TextEncoder().encode(String(value ?? ""));
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

export interface Line<K> {
  id: string;
  depth: number;
  label: string;
  /** A key; else a folder of so many. */
  key: K | null;
  count: number;
  isOpen: boolean;
}

const PART = ":";

/** Keys by the parts of their names. A prefix that holds one key only is no folder: its key stands for itself. */
export function treeOf<K extends { name: unknown }>(keys: readonly K[], open: ReadonlySet<string>): Line<K>[] {
  const lines: Line<K>[] = [];
  const walk = (some: readonly K[], prefix: string, depth: number) => {
    const groups = new Map<string, K[]>();
    for (const key of some) {
      const rest = typeof key.name === "string" ? key.name.slice(prefix.length) : "";
      const at = rest.indexOf(PART);
      const group = at > 0 ? prefix + rest.slice(0, at + 1) : "";
      const of = group ? `${group}/` : `key ${idOf(key.name)}`;
      const inside = groups.get(of);
      if (inside) inside.push(key);
      else groups.set(of, [key]);
    }
    for (const [of, inside] of groups) {
      const [first] = inside;
      if (inside.length === 1 && first) {
        const label = readable(typeof first.name === "string" ? first.name.slice(prefix.length) : first.name);
        lines.push({ id: idOf(first.name), depth, label, key: first, count: 1, isOpen: false });
        continue;
      }
      const folder = of.slice(0, -1);
      const isOpen = open.has(folder);
      const label = readable(folder.slice(prefix.length));
      lines.push({ id: of, depth, label, key: null, count: inside.length, isOpen });
      if (isOpen) walk(inside, folder, depth + 1);
    }
  };
  walk(keys, "", 0);
  return lines;
}

export function listOf<K extends { name: unknown }>(keys: readonly K[]): Line<K>[] {
  return keys.map((key) => ({
    id: idOf(key.name),
    depth: 0,
    label: readable(key.name),
    key,
    count: 1,
    isOpen: false,
  }));
}

/** Each key once, by name: a scan may say one twice. */
export function inOrder<K extends { name: unknown }>(keys: readonly K[]): K[] {
  const once = [...new Map(keys.map((key) => [idOf(key.name), key])).values()];
  const named = once.map((key) => [readable(key.name), key] as const);
  const order = new Intl.Collator("en", { numeric: true });
  return named.sort(([a], [b]) => order.compare(a, b)).map(([, key]) => key);
}

/** What a person looks for as a glob: plain text is looked for anywhere in the name. */
export function globOf(typed: string): string {
  const text = typed.trim();
  if (text === "") return "*";
  return /[*?[\]\\]/.test(text) ? text : `*${text}*`;
}
