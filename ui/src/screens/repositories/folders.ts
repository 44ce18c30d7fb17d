import type { FileOut } from "@/api";

export interface Place {
  name: string;
  /** Whole, from the root. */
  path: string;
  isFolder: boolean;
  size: number;
  /** Files below it, of a folder. */
  files: number;
}

/** What lies in a folder, of files listed by their whole paths: folders first, both by name. */
export function inside(files: readonly FileOut[], folder: string): Place[] {
  const found = new Map<string, Place>();
  const before = folder === "" ? "" : `${folder}/`;
  for (const { path, size, type } of files) {
    const bare = path.replace(/^\/+/, "");
    if (!bare.startsWith(before)) continue;
    const rest = bare.slice(before.length);
    const cut = rest.indexOf("/");
    const name = cut < 0 ? rest : rest.slice(0, cut);
    if (name === "") continue;
    const isFolder = cut >= 0 || type === "dir";
    const one = found.get(name) ?? { name, path: isFolder ? before + name : path, isFolder, size: 0, files: 0 };
    if (type !== "dir") {
      one.size += size;
      if (isFolder) one.files += 1;
    }
    found.set(name, one);
  }
  return [...found.values()].sort(
    (a, b) => Number(b.isFolder) - Number(a.isFolder) || a.name.localeCompare(b.name, undefined, { numeric: true }),
  );
}

/** The address of one file's bytes. */
export function fileHref(repository: string, snapshot: string, path: string): string {
  const parts = path.replace(/^\/+/, "").split("/").map(encodeURIComponent).join("/");
  return `/api/v1/repositories/${encodeURIComponent(repository)}/contents/${encodeURIComponent(snapshot)}/files/${parts}`;
}
