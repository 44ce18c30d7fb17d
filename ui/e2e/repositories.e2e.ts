// File keys, repositories looked after, and what a viewer does not see.
import { expect, test } from "vitest";
import { type Api, type Json, Api as Person } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";

const here = house();

test("a file key is made, used by a plain repository, and not deleted while snapshots need it", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/file-keys`);
  await page.getByRole("button", { name: "New file key" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill("offsite");
  await sheet.getByLabel("Kind", { exact: true }).selectOption({ label: "Passphrase" });
  await sheet.getByLabel("Secret", { exact: false }).fill("a long enough passphrase");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Add key" }).click();
  await sheet.getByText("Nothing yet.").waitFor();
  await sheet.getByRole("button", { name: "Show the secret" }).click();
  await sheet.getByText("a long enough passphrase").waitFor();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Close" }).first().click();

  await page.goto(`${here.server.url}/repositories`);
  await page.getByRole("button", { name: "New repository" }).first().click();
  await sheet.getByLabel("Name", { exact: true }).fill("plain");
  await sheet.getByLabel("Format", { exact: true }).selectOption({ label: "Plain files" });
  await sheet.getByLabel("File key", { exact: true }).selectOption({ label: "offsite" });
  await sheet.getByRole("button", { name: "Create repository" }).click();
  await page.getByRole("heading", { name: "plain" }).waitFor();
  await page.getByText("offsite", { exact: true }).waitFor();
  const [plain] = (await here.api.get("/repositories")).items.filter(({ name }: Json) => name === "plain");
  const database = await here.api.database("sqlite", "sealed");
  await here.api.query(database, "CREATE TABLE t (a int)");
  await here.api.snapshot(database, plain.id);

  await page.goto(`${here.server.url}/settings/file-keys`);
  await page.getByText("offsite", { exact: true }).click();
  await sheet.getByText("Repositories · 1").waitFor();
  await sheet.getByText("Snapshots · 1").waitFor();
  await sheet.getByRole("button", { name: "Delete key" }).click();
  const asks = page.getByRole("dialog", { name: "Delete offsite?" });
  await asks.getByText(/^It is needed by: /).waitFor();
  await asks.getByLabel(/^Type offsite/).fill("offsite");
  await asks.getByRole("button", { name: "Delete key" }).click();
  await asks.getByRole("alert").waitFor();
  expect((await here.api.get(`/projects/${plain.project_id}/file-keys`)).items).toHaveLength(1);
  expect(errors).toEqual([]);
  await context.close();
});

test("what would be given back is said first; prices make the savings money", async () => {
  const database = await here.api.database("sqlite", "thinned");
  await here.api.query(database, "CREATE TABLE t (a int)");
  await here.api.snapshot(database);
  const [repository] = (await here.api.get("/repositories")).items.filter(({ format }: Json) => format === "restic");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/repositories/${repository.id}`);
  await page.getByRole("button", { name: "More" }).last().click();
  await page.getByRole("menuitem", { name: "Give back space" }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByRole("button", { name: "Look only" }).click();
  await sheet.getByText(/Nothing was changed\.$/).waitFor({ timeout: 60_000 });
  await sheet.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("tab", { name: "Savings" }).click();
  await page.getByLabel("disk", { exact: true }).fill("1000");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText(/ EUR$/).first().waitFor();
  expect((await here.api.get(`/repositories/${repository.id}/savings`)).cost).toBeGreaterThan(0);
  expect(errors).toEqual([]);
  await context.close();
});

test("a viewer sees what there is and no button that cannot work", async () => {
  const database = await here.api.database("postgresql", "looked-at");
  await here.api.post(`/projects/${await project()}/file-keys`, {
    name: "seen",
    kind: "age-identity",
  });
  await here.api.snapshot(database);
  const viewer = await invited(here.api);
  const { page, errors, context } = await signedIn(here.browser, here.server, viewer);
  await page.goto(`${here.server.url}/databases/${database.id}`);
  await page.getByRole("tab", { name: "Snapshots" }).waitFor();
  for (const name of ["Migrations", "Import & export", "Moves"])
    expect([name, await page.getByRole("tab", { name }).count()]).toEqual([name, 0]);
  await page.goto(`${here.server.url}/settings/file-keys`);
  await page.getByText("seen", { exact: true }).click();
  await page.getByRole("dialog").getByText("Nothing yet.").waitFor();
  for (const name of ["Delete key", "Show the secret", "Try it", "New file key"])
    expect([name, await page.getByRole("button", { name }).count()]).toEqual([name, 0]);
  await page.goto(`${here.server.url}/repositories?tab=savings`);
  await page.getByText("Spared").first().waitFor();
  await page.goto(`${here.server.url}/repositories`);
  await page.getByRole("gridcell").first().waitFor();
  expect(await page.getByRole("button", { name: /^(New repository|Add existing)$/ }).count()).toBe(0);
  await page.getByRole("gridcell").first().click();
  await page.getByRole("heading", { level: 1 }).waitFor();
  expect(await page.getByRole("button", { name: /^(Check|Password|More)$/ }).count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});

async function project(): Promise<string> {
  return (await here.api.environment()).project_id;
}

/** Somebody who may look and nothing else. */
async function invited(owner: Api): Promise<Person> {
  const email = "viewer@example.org";
  const invite = await owner.post("/invites", { email, role: "viewer" });
  const viewer = new Person(here.server);
  const password = "battery staple horse correct";
  await viewer.post("/invites/accept", {
    token: String(invite.link).split("=").at(-1),
    password,
  });
  return viewer;
}
