import { expect, test } from "vitest";
import * as api from "@/api";

/**
 * What the API offers has its place in the dashboard: every call of the generated client is used by some screen, or
 * stands here with the reason why a person does not need it there.
 */
const elsewhere = (why: string, names: string) => Object.fromEntries(names.split(" ").map((name) => [name, why]));

const ELSEWHERE: Record<string, string> = {
  ...elsewhere(
    "by its address, so that the browser keeps the file",
    "auditExport downloadContent entryDownload exportDownload exportStream repositoryFileDownload runExport turnExport",
  ),
  ...elsewhere("read as a stream by its address", "auditVerify eventStream"),
  ...elsewhere("the live line tells it", "eventsStream"),
  ...elsewhere(
    "the list or the page has it already",
    "alertRuleRead downloadGet engineGet environmentRead exportRead exportShow maskingProfileRead metricList migrationList nodeGet planSchedules projectRead rowGet rowList templateList turnRead workerVarList",
  ),
  ...elsewhere("the run's own stream has its lines", "logsGet"),
  ...elsewhere(
    "for programs",
    "downloadHead healthLive healthReady kvValuePutMany metricScrape rowUpsert sessionFirstRunLink tokenCreate tokenRefresh uploadOffset",
  ),
  ...elsewhere("the browser is sent there", "ssoCallback ssoStart ssoStepUp"),
  ...elsewhere("the editor's query runs it", "savedQueryRun"),
  ...elsewhere("a folder as a zip is `holdfast deploy`; the editor sends its changes", "workerVersionUpload"),
  ...elsewhere("holding and tagging go through the bulk act", "snapshotUpdate"),
  ...elsewhere("what people hold in a project is listed under Roles", "memberList"),
  ...elsewhere("a tunnel ends at a program on one's own machine: `holdfast connect`", "tunnelOpen"),
};

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
