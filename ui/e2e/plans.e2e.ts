// Plans and repositories, made and looked at as a person does.
import { expect, test } from "vitest";
import type { Json } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";

const here = house();

test("a plan is made with controls, changed, run and deleted by its name", async () => {
  const database = await here.api.database("sqlite", "planned");
  await here.api.query(database, "CREATE TABLE t (a int)");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/plans`);
  await page.getByRole("button", { name: "New plan" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill("weekdays");
  await sheet.getByLabel("Every", { exact: true }).selectOption({ label: "Week" });
  for (const day of ["Mon", "Fri"]) await sheet.getByText(day, { exact: true }).click();
  await sheet.getByText("Sun", { exact: true }).click();
  await sheet.getByLabel("At", { exact: true }).fill("03:30");
  await sheet.getByText(/^Next: /).waitFor();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Create plan" }).click();
  await page.getByRole("heading", { name: "weekdays" }).waitFor();
  const [made] = (await here.api.get("/plans")).items;
  expect(made.schedules[0].cron).toBe("30 3 * * 1,5");

  await page.getByRole("button", { name: "Edit plan" }).click();
  await page.getByRole("dialog").getByLabel("Daily").fill("3");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  const asks = page.getByRole("dialog").getByLabel(/^Type weekdays/);
  await asks
    .or(page.getByText("Daily: 3", { exact: false }))
    .first()
    .waitFor();
  if (await asks.count()) {
    await asks.fill("weekdays"); // production asks for it
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  }
  await page.getByText("Daily: 3", { exact: false }).waitFor();

  await page.getByRole("button", { name: "Run now" }).click();
  await page.getByRole("tab", { name: "History" }).click();
  await page.getByText("Succeeded", { exact: true }).waitFor({ timeout: 60_000 });
  await page.getByRole("tab", { name: "Retention" }).click();
  await page.getByText("Stays", { exact: true }).first().waitFor();

  await page.getByRole("button", { name: "More" }).last().click();
  await page.getByRole("menuitem", { name: "Delete plan" }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("weekdays");
  await page.getByRole("dialog").getByRole("button", { name: "Delete plan" }).click();
  await page.getByText("Back up by itself").waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("a repository is made, checked, and shows its password only after the own one", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/repositories`);
  await page.getByRole("button", { name: "New repository" }).first().click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("second");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await page.getByRole("dialog").getByRole("button", { name: "Create repository" }).click();
  await page.getByRole("heading", { name: "second" }).waitFor();
  await page.getByText("Unused", { exact: true }).waitFor();
  expect(await page.getByRole("button", { name: "Check", exact: true }).count()).toBe(0); // of nothing there is no check
  const [repository] = (await here.api.get("/repositories")).items.filter((each: Json) => each.name === "second");
  await here.api.snapshot(await here.api.database("sqlite", "kept"), repository.id);
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByRole("tab", { name: "Checks" }).click();
  await page.getByText("Sound", { exact: true }).waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: "Password", exact: true }).click();
  await page.getByRole("button", { name: "Show the password" }).click();
  await page.getByRole("dialog").locator("code").first().waitFor();
  expect(errors).toEqual([]);
  await context.close();
});
