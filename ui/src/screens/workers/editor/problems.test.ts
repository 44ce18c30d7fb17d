import { expect, test } from "vitest";
import { problemOf, refusals } from "./problems";

const PATHS = ["src/entry.py", "src/shop.py", "wrangler.jsonc", "requirements.txt"];

test("the innermost line of the project's own is marked, with the traceback's last words", () => {
  const stack = `  File "src/entry.py", line 3, in <module>
    import shop
  File "src/shop.py", line 7, in <module>
    price()
ModuleNotFoundError: No module named 'nothing'
`;
  expect(problemOf(stack, PATHS)).toEqual({
    path: "src/shop.py",
    line: 7,
    message: "ModuleNotFoundError: No module named 'nothing'",
  });
});

test("a syntax error names its own file; what is nobody's has no line", () => {
  const said = `  File "/app/src/shop.py", line 2\n    def (:\n        ^\nSyntaxError: invalid syntax`;
  expect(problemOf(said, PATHS)).toMatchObject({
    path: "src/shop.py",
    line: 2,
    message: "SyntaxError: invalid syntax",
  });
  const told = "SyntaxError: src/entry.py, line 1: invalid syntax: def (:";
  expect(problemOf(told, PATHS)).toEqual({ path: "src/entry.py", line: 1, message: told });
  expect(problemOf("it ended by itself", PATHS)).toEqual({ path: null, line: null, message: "it ended by itself" });
});

test("faults of the project file come with their lines", () => {
  const error = {
    message: "wrangler.jsonc: 2 faults",
    hint: null,
    details: {
      fields: [
        { field: "main", message: "is not there", line: 2, column: 3 },
        { field: "vars.X", message: "no JSON", line: 9, column: 1 },
      ],
    },
  };
  expect(refusals(error, PATHS)).toEqual([
    { path: "wrangler.jsonc", line: 2, column: 3, message: "main: is not there" },
    { path: "wrangler.jsonc", line: 9, column: 1, message: "vars.X: no JSON" },
  ]);
});

test("other refusals name their file when they begin with it", () => {
  const of = (message: string) => refusals({ message, hint: null, details: {} }, PATHS)[0];
  expect(of("requirements.txt line 4: no such package")).toMatchObject({ path: "requirements.txt", line: 4 });
  expect(of("SESSIONS wants a namespace")).toMatchObject({ path: null, line: null });
});
