import { expect, test } from "vitest";
import type { RoleOut } from "@/api";
import { changes, type Draft, flip, holds, moved, wanted } from "./matrix";

const role = { id: "rol_1", permissions: ["run.read", "snapshot.read"] } as RoleOut;
const none: Draft = new Map();

test("a tick is held until it is ticked again, and then is no change", () => {
  const once = flip(none, role.id, "plan.read");
  expect(holds(role, "plan.read", once)).toBe(true);
  expect(changes(once)).toBe(1);
  const twice = flip(once, role.id, "plan.read");
  expect(holds(role, "plan.read", twice)).toBe(false);
  expect(changes(twice)).toBe(0);
  expect([...twice]).toEqual([]);
});

test("what is sent is all the role is to hold", () => {
  const draft = flip(flip(none, role.id, "run.read"), role.id, "plan.read");
  expect(wanted(role, draft)).toEqual(["plan.read", "snapshot.read"]);
  expect(wanted(role, none)).toEqual(["run.read", "snapshot.read"]);
});

test("roles do not see each other's ticks", () => {
  const draft = flip(none, "rol_2", "run.read");
  expect(holds(role, "run.read", draft)).toBe(true);
  expect(changes(draft)).toBe(1);
});

test.each([
  ["ArrowDown", [1, 1]],
  ["ArrowUp", [0, 1]],
  ["ArrowLeft", [0, 0]],
  ["ArrowRight", [0, 1]],
  ["PageDown", [4, 1]],
  ["End", [4, 1]],
])("%s stays within the matrix", (key, place) => {
  expect(moved(key, [0, 1], 5, 2)).toEqual(place);
});

test("other keys lead nowhere", () => {
  expect(moved("a", [0, 0], 5, 2)).toBeNull();
});
