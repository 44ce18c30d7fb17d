import { expect, test } from "vitest";
import { keyState } from "./words";

const now = Date.parse("2026-11-22T00:00:00Z");

test.each([
  [null, null, "works"],
  ["2027-11-22T00:00:00Z", null, "works"],
  ["2026-11-30T00:00:00Z", null, "soon"],
  ["2026-11-22T00:00:00Z", null, "expired"],
  ["2026-11-30T00:00:00Z", "2026-11-01T00:00:00Z", "revoked"],
])("ends %s, revoked %s: %s", (expires_at, revoked_at, state) => {
  expect(keyState({ expires_at, revoked_at }, now)).toBe(state);
});
