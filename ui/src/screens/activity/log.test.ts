import { expect, test } from "vitest";
import { asText, atLeast, fieldsOf, lastings, waitingFor } from "./log";

const line = (seq: number, level: string, message = "m", fields = {}) => ({
  seq,
  level,
  message,
  fields,
  at: "2026-03-09T12:00:00Z",
});

test("a level keeps what is as grave or graver, and an unknown word counts as information", () => {
  const lines = ["debug", "info", "warning", "error", "critical", "odd"].map((level, seq) => line(seq, level));
  expect(atLeast(lines, "all")).toBe(lines);
  expect(atLeast(lines, "warning").map(({ level }) => level)).toEqual(["warning", "error", "critical"]);
  expect(atLeast(lines, "error").map(({ level }) => level)).toEqual(["error", "critical"]);
});

test("a copied log has its fields, and markup stays what was written", () => {
  const one = line(1, "info", "<b>took</b>", { table: "a b", rows: 3 });
  expect(fieldsOf(one)).toBe("table=a b rows=3");
  expect(asText([one, line(2, "error", "broke")])).toBe(
    "2026-03-09T12:00:00Z info <b>took</b> table=a b rows=3\n2026-03-09T12:00:00Z error broke",
  );
});

test("a phase lasts until the next one, the last until the run ends", () => {
  const phases = [
    { phase: "reading", at: "2026-03-09T12:00:00Z" },
    { phase: "storing", at: "2026-03-09T12:00:03Z" },
  ];
  expect(lastings(phases, null)).toEqual([
    { phase: "reading", seconds: 3 },
    { phase: "storing", seconds: null },
  ]);
  expect(lastings(phases, "2026-03-09T12:00:04Z")[1]?.seconds).toBe(1);
  expect(lastings([], null)).toEqual([]);
});

test("what a queued run waits for", () => {
  const now = Date.parse("2026-03-09T12:00:00Z");
  const run = { state: "queued", scheduled_at: null, carrier: null, resource_id: "db_1" };
  expect(waitingFor({ ...run, scheduled_at: "2026-03-09T13:00:00Z" }, "run_2", now)).toBe("moment");
  expect(waitingFor({ ...run, scheduled_at: "2026-03-09T11:00:00Z" }, "run_2", now)).toBe("other");
  expect(waitingFor({ ...run, carrier: "run_3" }, undefined, now)).toBe("batch");
  expect(waitingFor(run, undefined, now)).toBe("turn");
  expect(waitingFor({ ...run, state: "running" }, "run_2", now)).toBeNull();
});
