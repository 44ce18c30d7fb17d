import { expect, test } from "vitest";
import type { LimitOut, ShippedOut } from "@/api";
import { spanText } from "../span";
import { amountOf, standing, typedOf, whatsOf } from "./limits";

const SHIPPED: ShippedOut[] = [
  { subject: "user", what: "calls", amount: 10_000, window_seconds: 3600 },
  { subject: "project", what: "storage", amount: null, window_seconds: 0 },
];
const own = (patch: Partial<LimitOut>): LimitOut => ({
  id: "lim_1",
  subject: "user",
  subject_id: null,
  what: "calls",
  amount: 5,
  window_seconds: 60,
  project_id: null,
  changed_by: "usr_1",
  changed_at: "2026-11-22T00:00:00Z",
  ...patch,
});

test("a default that was set goes before the shipped one, a limit of one person does not", () => {
  expect(standing(SHIPPED, [own({ subject_id: "usr_2" })], "user", "calls")?.amount).toBe(10_000);
  expect(standing(SHIPPED, [own({})], "user", "calls")).toMatchObject({ amount: 5, window_seconds: 60 });
  expect(standing(SHIPPED, [own({ amount: null })], "user", "calls")?.amount).toBeNull();
  expect(standing(SHIPPED, [], "address", "backups")).toBeNull();
});

test("only what is shipped for a kind can be limited", () => {
  expect(whatsOf(SHIPPED, "project")).toEqual(["storage"]);
});

test("storage is typed in gigabytes and sent in bytes", () => {
  expect(amountOf("storage", "1,5")).toBe(1_610_612_736);
  expect(typedOf("storage", 1_610_612_736)).toBe("1.5");
  expect(amountOf("calls", "7")).toBe(7);
  expect(typedOf("calls", null)).toBe("");
});

test("spans are said without their empty end", () => {
  const said = [3600, 10, 86_400, 604_800, 5400].map((seconds) => spanText(seconds, "en"));
  expect(said).toEqual(["1 h", "10 s", "24 h", "7 days", "1 h 30 min"]);
});
