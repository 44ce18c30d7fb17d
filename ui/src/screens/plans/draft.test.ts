import { expect, test } from "vitest";
import type { PlanOut } from "@/api";
import { bodyOf, draftOf, fresh } from "./draft";

const PLAN = {
  name: "Nightly",
  description: "",
  environment_ids: ["env_1"],
  selection: { all: false, labels: ["tier=gold"], names: [], resources: ["db_9"] },
  schedules: [
    {
      name: "night",
      cron: "0 2 * * *",
      tz: "Asia/Jakarta",
      jitter_seconds: 60,
      late_seconds: 3600,
      missed: "skip",
      mode: null,
    },
  ],
  retention: { daily: 7, minimum: 2, within: 86400, tags: ["keep"] },
  repository_ids: ["rep_1", "rep_2"],
  concurrency: 3,
  deadline_seconds: 5400,
  max_gap_seconds: null,
} as unknown as PlanOut;

test("a plan that is opened and saved stays what it was", () => {
  const body = bodyOf(draftOf(PLAN));
  expect(body.schedules?.[0]).toMatchObject({
    name: "night",
    cron: "0 2 * * *",
    tz: "Asia/Jakarta",
    jitter_seconds: 60,
    missed: "skip",
  });
  expect(body.retention).toMatchObject({ daily: 7, weekly: null, minimum: 2, within: 86400, tags: ["keep"] });
  expect(body.repository_ids).toEqual(["rep_1", "rep_2"]);
  expect(body.selection).toEqual({ labels: ["tier=gold"], resources: ["db_9"] });
  expect([body.deadline_seconds, body.max_gap_seconds]).toEqual([5400, null]);
});

test("a new one backs everything up at night and keeps something", () => {
  const body = bodyOf({ ...fresh(), name: "All" });
  expect(body.selection).toEqual({ all: true });
  expect(body.schedules?.[0]?.cron).toBe("0 2 * * *");
  expect(body.retention).toMatchObject({ daily: 7, weekly: 4, monthly: 12, minimum: 1 });
});

test("nothing is ever deleted when that is chosen", () => {
  expect(bodyOf({ ...fresh(), keeps: false }).retention).toBe(null);
});
