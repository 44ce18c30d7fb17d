import { expect, test } from "vitest";
import { draftOf, policyOf } from "./policy";

const KEPT = { last: null, hourly: 0, daily: 7, weekly: 4, monthly: null, yearly: null, within: 30 };

test("a policy comes back as it was, and an empty rule is off rather than the server's default", () => {
  const draft = draftOf({
    policy: { ...KEPT, minimum: 3, tags: ["release", "legal"] },
    tz: "Asia/Jakarta",
    scope: "database",
    subject_id: "db_1",
    inherited: false,
  });
  expect(draft).toMatchObject({ within: "30", tags: "release, legal", tz: "Asia/Jakarta" });
  expect(policyOf(draft)).toEqual({ ...KEPT, hourly: null, minimum: 3, tags: ["release", "legal"] });
  expect(policyOf({ ...draft, keep: { ...draft.keep, daily: "" }, minimum: "" })).toMatchObject({
    daily: null,
    minimum: 1,
  });
});
