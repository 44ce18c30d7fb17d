import { expect, test } from "vitest";
import { tells } from "./trace";

test("a trace is known by its last line", () => {
  const trace =
    '  File "src/entry.py", line 9, in <module>\n    raise RuntimeError("at import")\nRuntimeError: at import\n';
  const error = "RuntimeError: importing src/entry.py failed: RuntimeError: at import";
  expect(tells(trace, error)).toBe(true);
  expect(tells(trace, "ValueError: something else")).toBe(false);
  expect(tells("\n", error)).toBe(false);
});
