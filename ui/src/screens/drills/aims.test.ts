import { expect, test } from "vitest";
import { bodyOf, draftOf } from "./aims";

const kept = {
  rto_seconds: 90,
  rpo_seconds: null,
  checks: [{ name: "orders", statement: "select count(*) from orders", at_least: "1" }],
  version: 3,
  changed_at: null,
  changed_by: null,
};

test("aims are the same after they were opened and saved", () => {
  expect(bodyOf(draftOf(kept))).toEqual({ rto_seconds: 90, rpo_seconds: null, checks: kept.checks });
});

test("an aim that was emptied is measured, not judged", () => {
  expect(bodyOf({ rtoMinutes: "", rpoHours: "0", questions: [] })).toEqual({
    rto_seconds: null,
    rpo_seconds: null,
    checks: [],
  });
});

test("a question has one bound, whichever was chosen last", () => {
  const [question] = draftOf(kept).questions;
  if (!question) throw new Error("no question");
  const changed = bodyOf({ rtoMinutes: "", rpoHours: "24", questions: [{ ...question, bound: "equals", value: "7" }] });
  expect(changed.checks).toEqual([{ name: "orders", statement: "select count(*) from orders", equals: "7" }]);
  expect(changed.rpo_seconds).toBe(86_400);
});
