import { expect, test } from "vitest";
import { freshRule, labelsOf, newRule, patchOf, ruleDraftOf } from "./ruleDraft";

const rule = {
  id: "alr_1",
  project_id: "prj_1",
  name: "quiet",
  mode: "off",
  events: ["backup_failed"],
  channel_ids: [],
  environment_id: null,
  resource_id: null,
  labels: { team: "shop", tier: "1" },
  severity: null,
  threshold: 7,
  until: "2026-03-09T12:30:00Z",
  enabled: true,
  version: 1,
  created_by: "usr_1",
  created_at: "2026-03-09T12:00:00Z",
  updated_at: "2026-03-09T12:00:00Z",
};

test("what is read and sent again is the same, the moment included", () => {
  const body = patchOf(ruleDraftOf(rule));
  expect(body).toMatchObject({ name: "quiet", mode: "off", threshold: 7, severity: null });
  expect(body.labels).toEqual(rule.labels);
  expect(body.until).toBe("2026-03-09T12:30:00.000Z");
});

test("labels as people type them", () => {
  expect(labelsOf(" team = shop,url=a=b, odd ,")).toEqual({ team: "shop", url: "a=b", odd: "" });
  expect(labelsOf("")).toEqual({});
});

test("an empty form is a rule about everything, of the whole server", () => {
  expect(newRule({ ...freshRule(""), name: "all" })).toEqual({
    name: "all",
    mode: "immediate",
    project_id: null,
    environment_id: null,
    resource_id: null,
    events: [],
    channel_ids: [],
    labels: {},
    severity: null,
    threshold: null,
    until: null,
    enabled: true,
  });
});
