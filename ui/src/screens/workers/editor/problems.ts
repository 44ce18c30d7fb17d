import type { ApiError } from "@/shell/api";

/** Something wrong, at a line where that is known. */
export interface Problem {
  path: string | null;
  line: number | null;
  column?: number;
  message: string;
}

/** Of a traceback, and of an error in the syntax: `SyntaxError: src/entry.py, line 1: invalid syntax`. */
const FRAME = /^\s*(?:File "|SyntaxError: )(.+?)"?, line (\d+)/;

/** Of Python's traceback: the innermost of its frames that are the project's, and its last line. */
export function problemOf(stack: string, paths: readonly string[]): Problem {
  const lines = stack.split("\n");
  const message =
    lines
      .filter((line) => line.trim() !== "")
      .at(-1)
      ?.trim() ?? stack;
  const frames = lines.flatMap((line) => {
    const [, file = "", number = ""] = FRAME.exec(line) ?? [];
    const path = paths.find((each) => file === each || file.endsWith(`/${each}`));
    return path ? [{ path, line: Number(number) }] : [];
  });
  const last = frames.at(-1);
  return { path: last?.path ?? null, line: last?.line ?? null, message };
}

interface Said {
  field?: string;
  message?: string;
  line?: number | string;
  column?: number;
}

/** Of an upload or a deployment that was refused: the file that the words begin with, and the lines of its faults. */
export function refusals(error: Pick<ApiError, "message" | "hint" | "details">, paths: readonly string[]): Problem[] {
  const { message, details } = error;
  const named = paths.find((path) => message.startsWith(`${path}:`) || message.startsWith(`${path} `)) ?? null;
  const said = (Array.isArray(details.fields) ? details.fields : []) as Said[];
  const faults = said.filter((each) => typeof each.line === "number");
  const path =
    named ?? (faults.length > 0 ? (paths.find((each) => /^wrangler\.(jsonc?|toml)$/.test(each)) ?? null) : null);
  if (faults.length > 0)
    return faults.map(({ field, message: words = message, line, column }) => ({
      path,
      line: Number(line),
      ...(typeof column === "number" && { column }),
      message: field ? `${field}: ${words}` : words,
    }));
  const line = /\bline (\d+)/.exec(message)?.[1];
  return [{ path, line: path && line ? Number(line) : path ? 1 : null, message }];
}
