import { expect, test } from "vitest";
import {
  changed,
  type Draft,
  deployed,
  EMPTY,
  isDirty,
  livingOf,
  pathsOf,
  removed,
  renamed,
  reverted,
  rowsOf,
  stateOf,
  uploadOf,
  wrongPath,
} from "./draft";

const BASE = ["src/entry.py", "wrangler.jsonc", "README.md", "src/shop/cart.py"];
const OF: Draft = { ...EMPTY, base: "wver_1", number: 1, at: "src/entry.py" };

test("what is as it was is no change", () => {
  const typed = changed(OF, "src/entry.py", "x = 1\n", "x = 0\n");
  expect(stateOf(BASE, typed, "src/entry.py")).toBe("changed");
  expect(isDirty(changed(typed, "src/entry.py", "x = 0\n", "x = 0\n"))).toBe(false);
});

test("an empty new file is a change, and one that was never there leaves no trace", () => {
  const added = changed(OF, "src/new.py", "", undefined);
  expect(stateOf(BASE, added, "src/new.py")).toBe("added");
  expect(removed(added, "src/new.py", BASE).files).toEqual({});
  expect(removed({ ...added, at: "src/new.py" }, "src/new.py", BASE).at).toBe("src/shop/cart.py");
});

test("a deleted file is listed until it is deployed, and can be had back", () => {
  const gone = removed(OF, "README.md", BASE);
  expect(pathsOf(BASE, gone)).toContain("README.md");
  expect(livingOf(BASE, gone)).not.toContain("README.md");
  expect(stateOf(BASE, gone, "README.md")).toBe("removed");
  expect(isDirty(reverted(gone, "README.md", BASE))).toBe(false);
});

test("a rename takes its text along", () => {
  const moved = renamed(OF, "src/entry.py", "src/main.py", "x = 1\n", BASE);
  expect(moved.files).toEqual({ "src/entry.py": null, "src/main.py": "x = 1\n" });
  expect(moved.at).toBe("src/main.py");
  expect(uploadOf(moved)).toEqual({
    files: { "src/main.py": { text: "x = 1\n" } },
    removed: ["src/entry.py"],
    base_version_id: "wver_1",
  });
});

test("what is typed while a version is on its way is still a change", () => {
  const sent = changed(OF, "src/entry.py", "one\n", "zero\n");
  const now = changed(changed(sent, "src/entry.py", "two\n", "zero\n"), "b.py", "", undefined);
  expect(deployed(now, sent, "wver_2", 2)).toEqual({
    ...now,
    base: "wver_2",
    number: 2,
    files: { "src/entry.py": "two\n", "b.py": "" },
  });
  expect(isDirty(deployed(sent, sent, "wver_2", 2))).toBe(false);
});

test("paths stay inside the project and clash with nothing", () => {
  for (const [path, why] of [
    ["", "empty"],
    ["/etc/passwd", "inside"],
    ["../up.py", "inside"],
    ["a//b.py", "inside"],
    ["./a.py", "inside"],
    ["a\\b.py", "letters"],
    ["x".repeat(241), "letters"],
    ["README.md", "taken"],
    ["src", "folder"],
    ["README.md/more.py", "folder"],
    ["src/new.py", null],
  ] as const)
    expect([path, wrongPath(path, BASE)]).toEqual([path, why]);
});

test("folders come before the files beside them", () => {
  expect(rowsOf(pathsOf(BASE, EMPTY)).map(({ name, depth }) => `${" ".repeat(depth)}${name}`)).toEqual([
    "src",
    " shop",
    "  cart.py",
    " entry.py",
    "README.md",
    "wrangler.jsonc",
  ]);
});
