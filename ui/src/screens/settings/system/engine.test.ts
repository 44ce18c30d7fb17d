import { expect, test } from "vitest";
import { capable, gapsOf } from "./engine";

test("abilities are those that are said, and no engine is known by its name", () => {
  const said = { transactions: true, schemas: false, hosts: ["process", "external"], capture: { incremental: true } };
  expect(capable(said)).toEqual(["transactions", "incremental", "external"]);
  expect(capable({})).toEqual([]);
});

test("a gap says whose it is and why, also with colons in the reason", () => {
  expect(gapsOf({ CanBulk: "theirs: no COPY: only INSERT", odd: "because" })).toEqual([
    { name: "CanBulk", whose: "theirs", why: "no COPY: only INSERT" },
    { name: "odd", whose: "", why: "because" },
  ]);
  expect(gapsOf(undefined)).toEqual([]);
});
