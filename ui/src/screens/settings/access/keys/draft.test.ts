import { expect, test } from "vitest";
import { bodyOf, fresh } from "./draft";

const now = Date.parse("2026-11-22T00:00:00Z");

test("a fresh key is a viewer's and ends", () => {
  expect(bodyOf({ ...fresh(), name: " ci " }, now)).toEqual({
    name: "ci",
    role: "viewer",
    expires_at: "2027-02-20T00:00:00.000Z",
  });
});

test("only what was chosen is sent: never two limits, never a role beside permissions", () => {
  const draft = { ...fresh(), name: "ci", project: "prj_1", environment: "env_1", resources: ["db_1"], days: "" };
  const chosen = new Set(["run.read", "plan.read"]);
  expect(bodyOf({ ...draft, what: "chosen", chosen, place: "environment" })).toEqual({
    name: "ci",
    permissions: ["plan.read", "run.read"],
    environments: ["env_1"],
  });
  expect(bodyOf({ ...draft, what: "all", place: "resources" })).toEqual({ name: "ci", resources: ["db_1"] });
});

test("chosen permissions of which none is ticked are none, not all", () => {
  expect(bodyOf({ ...fresh(), what: "chosen", days: "" }).permissions).toEqual([]);
});
