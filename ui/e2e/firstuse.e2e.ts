// From the link that `make up` prints to a snapshot of one's own database, by what a person sees.
import { expect, test } from "vitest";
import { house, tab } from "./kit/browser";
import { OWNER } from "./kit/server";

const here = house({ owner: false });

test("the link makes the owner, who creates a database and takes a snapshot", async () => {
  const { page, errors, context } = await tab(here.browser);
  await page.goto(here.server.firstRunLink ?? "");
  await page.getByLabel("E-mail").fill(OWNER.email);
  await page.getByLabel("New password").fill(OWNER.password);
  await page.getByRole("button", { name: "Become the owner" }).click();
  await page.getByRole("link", { name: "Databases" }).waitFor();
  expect(page.url()).not.toContain("token");

  await page.getByRole("link", { name: "Databases" }).click();
  await page.getByRole("button", { name: "New database" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByText("SQLite", { exact: true }).click();
  await sheet.getByLabel("Name", { exact: true }).fill("shop");
  await sheet.getByRole("button", { name: "Create database" }).click();
  await page.getByRole("heading", { name: "shop" }).waitFor();
  await page.getByText("Ready", { exact: true }).waitFor(); // told by the line, not by asking again

  await page.getByRole("button", { name: "Take snapshot" }).click();
  await page.getByRole("tab", { name: "Snapshots" }).click();
  await page.getByRole("row").nth(1).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("a wrong password is said, the right one signs in, and signing out ends it", async () => {
  const { page, context } = await tab(here.browser);
  await page.goto(`${here.server.url}/databases`);
  await page.getByLabel("E-mail").fill(OWNER.email);
  await page.getByLabel("Password").fill("not the password at all");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill(OWNER.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("grid", { name: "Databases" }).waitFor();
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  expect(
    await page.evaluate(() => [document.cookie, localStorage.length && JSON.stringify(localStorage)]),
  ).not.toContain(cookie?.value);
  await context.close();
});
