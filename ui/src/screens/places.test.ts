import { expect, test } from "vitest";
import * as api from "@/api";

/**
 * What the API offers has its place in the dashboard: every call of the generated client is used by some screen, or
 * stands here with the reason why a person does not need it there.
 */
const ELSEWHERE: Record<string, string> = {};

const sources = import.meta.glob<string>(["../**/*.{ts,tsx}", "!../api/**", "!../**/*.test.ts"], {
  eager: true,
  query: "?raw",
  import: "default",
});

test("every call of the API has its place", () => {
  const text = Object.values(sources).join("\n");
  const used = new Set(text.match(/\b[a-z]\w+\b/g));
  const calls = Object.entries(api)
    .filter(([, each]) => typeof each === "function")
    .map(([name]) => name);
  const homeless = calls.filter((name) => !used.has(name) && !(name in ELSEWHERE));
  expect(homeless).toEqual([]);
  expect(Object.keys(ELSEWHERE).filter((name) => used.has(name) || !calls.includes(name))).toEqual([]);
});
