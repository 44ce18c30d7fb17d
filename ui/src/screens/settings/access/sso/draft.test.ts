import { expect, test } from "vitest";
import { bodyOf, changeOf, draftOf, line, split } from "./draft";

test("words are parted by commas and spaces, and empty ones are none", () => {
  expect(split(" a.org, b.org,,c.org ")).toEqual(["a.org", "b.org", "c.org"]);
  expect(split(" ")).toEqual([]);
});

test("a secret that was not typed is not sent: the present one stays", () => {
  expect("client_secret" in changeOf(draftOf())).toBe(false);
  expect(changeOf({ ...draftOf(), secret: "s" }).client_secret).toBe("s");
});

test("a rule without a place counts everywhere", () => {
  const rules = [line({ group: "dev", role: "developer" }), line({ group: "ops", role: "operator", project: "prj_1" })];
  expect(changeOf({ ...draftOf(), rules }).mapping).toEqual([
    { group: "dev", role: "developer", project_id: null, environment_id: null },
    { group: "ops", role: "operator", project_id: "prj_1", environment_id: null },
  ]);
});

test("the issuer is said once, when the provider is made", () => {
  const draft = { ...draftOf(), issuer: " https://id.example.org " };
  expect(bodyOf(draft).issuer).toBe("https://id.example.org");
  expect("issuer" in changeOf(draft)).toBe(false);
});
