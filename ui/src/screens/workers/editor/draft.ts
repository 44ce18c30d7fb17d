/**
 * What was changed of a version and not deployed yet. Only changes are kept, so that a project of any size fits into
 * what a browser remembers; files nobody touched stay on the server.
 */
export interface Draft {
  /** The version that was changed; null: there was none. */
  base: string | null;
  number: number | null;
  /** Path -> its text now; null: the file is to go. */
  files: Readonly<Record<string, string | null>>;
  /** The file that is shown. */
  at: string;
}

export type FileState = "same" | "changed" | "added" | "removed";

export const EMPTY: Draft = { base: null, number: null, files: {}, at: "" };

export const isDirty = (draft: Draft): boolean => Object.keys(draft.files).length > 0;

/** Every path there is or was, sorted as a tree is read. */
export function pathsOf(base: readonly string[], draft: Draft): string[] {
  return [...new Set([...base, ...Object.keys(draft.files)])].sort(byFolder);
}

/** Those that a deployment would have. */
export function livingOf(base: readonly string[], draft: Draft): string[] {
  return pathsOf(base, draft).filter((path) => draft.files[path] !== null);
}

/** Files of a folder after its folders; each in the order of letters. */
function byFolder(one: string, other: string): number {
  const [a, b] = [one.split("/"), other.split("/")];
  for (let depth = 0; ; depth++) {
    const [left, right] = [a[depth] ?? "", b[depth] ?? ""];
    const [leftIsFile, rightIsFile] = [depth === a.length - 1, depth === b.length - 1];
    if (left === right && !leftIsFile && !rightIsFile) continue;
    if (leftIsFile !== rightIsFile) return leftIsFile ? 1 : -1;
    return left < right ? -1 : left > right ? 1 : 0;
  }
}

export function stateOf(base: readonly string[], draft: Draft, path: string): FileState {
  const now = draft.files[path];
  if (now === undefined) return "same";
  if (now === null) return "removed";
  return base.includes(path) ? "changed" : "added";
}

/** `original`: the base's text, undefined where it has no such file. What is as it was is no change. */
export function changed(draft: Draft, path: string, text: string, original: string | undefined): Draft {
  const { [path]: _before, ...others } = draft.files;
  return { ...draft, files: text === original ? others : { ...others, [path]: text } };
}

/** Gone, or, of a file the base does not have, as if it had never been there. */
export function removed(draft: Draft, path: string, base: readonly string[]): Draft {
  const { [path]: _before, ...others } = draft.files;
  const files = base.includes(path) ? { ...others, [path]: null } : others;
  const at = draft.at === path ? (livingOf(base, { ...draft, files })[0] ?? "") : draft.at;
  return { ...draft, files, at };
}

/** As the base has it. */
export function reverted(draft: Draft, path: string, base: readonly string[]): Draft {
  const { [path]: _before, ...files } = draft.files;
  const at = draft.at === path && !base.includes(path) ? (livingOf(base, { ...draft, files })[0] ?? "") : draft.at;
  return { ...draft, files, at };
}

export function renamed(draft: Draft, from: string, to: string, text: string, base: readonly string[]): Draft {
  const gone = removed(draft, from, base);
  return { ...gone, files: { ...gone.files, [to]: text }, at: to };
}

/** After `sent` was deployed as `version`: what was typed meanwhile is still to be deployed. */
export function deployed(draft: Draft, sent: Draft, version: string, number: number): Draft {
  const kept = Object.entries(draft.files).filter(([path, text]) => sent.files[path] !== text);
  return { ...draft, base: version, number, files: Object.fromEntries(kept) };
}

/** What the API takes: the changes, over the files of the base. */
export function uploadOf(draft: Draft) {
  const entries = Object.entries(draft.files);
  const files = entries.flatMap(([path, text]) => (text === null ? [] : [[path, { text }] as const]));
  return {
    files: Object.fromEntries(files),
    removed: entries.filter(([, text]) => text === null).map(([path]) => path),
    ...(draft.base !== null && { base_version_id: draft.base }),
  };
}

const MOST_PATH = 240;

/** Why no file can have this path, as a word of `code:paths`; null when one can. */
export function wrongPath(path: string, there: readonly string[]): string | null {
  const parts = path.split("/");
  if (path === "") return "empty";
  if (path.startsWith("/") || parts.some((part) => part === "" || part === "." || part === "..")) return "inside";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a path may not hold
  if (/[\u0000-\u001f\u007f\\]/.test(path) || new TextEncoder().encode(path).length > MOST_PATH) return "letters";
  if (there.includes(path)) return "taken";
  const folders = parts.slice(1).map((_, depth) => parts.slice(0, depth + 1).join("/"));
  const clash = there.some((each) => folders.includes(each) || each.startsWith(`${path}/`));
  return clash ? "folder" : null;
}

export interface Row {
  name: string;
  depth: number;
  /** Null: a folder. */
  path: string | null;
}

/** Folders and files as lines. */
export function rowsOf(paths: readonly string[]): Row[] {
  const rows: Row[] = [];
  let open: readonly string[] = [];
  for (const path of paths) {
    const parts = path.split("/");
    const folders = parts.slice(0, -1);
    let shared = 0;
    while (shared < folders.length && folders[shared] === open[shared]) shared++;
    for (let depth = shared; depth < folders.length; depth++)
      rows.push({ name: folders[depth] ?? "", depth, path: null });
    rows.push({ name: parts.at(-1) ?? path, depth: folders.length, path });
    open = folders;
  }
  return rows;
}
