import { expect, test } from "vitest";
import type { MetricsOut } from "@/api";
import { durations, perDatabase, runs, total } from "./metrics";

const family = (name: string, ...samples: [Record<string, string>, number, string?][]) => ({
  name,
  type: "gauge",
  help: "",
  samples: samples.map(([labels, value, suffix]) => ({ name: name + (suffix ?? ""), labels, value })),
});

const READ: MetricsOut = {
  metrics: [
    family(
      "holdfast_database_info",
      [{ id: "a", name: "shop", environment: "development" }, 1],
      [{ id: "b", name: "shop", environment: "production" }, 1],
      [{ id: "c", name: "cache", environment: "production" }, 1],
    ),
    family("holdfast_database_size_bytes", [{ id: "a", name: "shop" }, 10], [{ id: "b", name: "shop" }, 30]),
    family(
      "holdfast_runs",
      [{ kind: "snapshot.create", state: "succeeded" }, 4],
      [{ kind: "snapshot.create", state: "failed" }, 1],
      [{ kind: "database.create", state: "succeeded" }, 2],
    ),
    family(
      "holdfast_http_request_duration_seconds",
      [{ route: "/a", le: "0.001" }, 3, "_bucket"],
      [{ route: "/b", le: "0.001" }, 1, "_bucket"],
      [{ route: "/a", le: "+Inf" }, 9, "_bucket"],
      [{ route: "/a", le: "0.05" }, 5, "_bucket"],
      [{ route: "/a" }, 9, "_count"],
    ),
  ],
};

test("the greatest database comes first, namesakes say where they are, and what has no value has no bar", () => {
  expect(perDatabase(READ, [{ key: "size", family: "holdfast_database_size_bytes" }])).toEqual([
    { name: "shop (production)", size: 30 },
    { name: "shop (development)", size: 10 },
  ]);
});

test("runs are a bar a kind with every state that came up", () => {
  expect(runs(READ)).toEqual({
    states: ["failed", "succeeded"],
    points: [
      { name: "snapshot.create", succeeded: 4, failed: 1 },
      { name: "database.create", succeeded: 2 },
    ],
  });
});

test("buckets are added over routes, put in order, and say only what each adds", () => {
  expect(durations(READ, "holdfast_http_request_duration_seconds")).toEqual([
    { name: "1 ms", calls: 4 },
    { name: "50 ms", calls: 1 },
    { name: "∞", calls: 4 },
  ]);
});

test("a total of nothing is unknown, not zero", () => {
  expect(total(READ, "holdfast_http_request_duration_seconds", "holdfast_http_request_duration_seconds_count")).toBe(9);
  expect(total(READ, "process_open_fds")).toBeNull();
});
