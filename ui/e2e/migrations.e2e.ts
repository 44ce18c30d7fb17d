// A migration written, rehearsed, applied and taken back on a real PostgreSQL, as a person does it.
import { expect, test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";

const here = house();
const NAME = "<img src=x onerror=alert(1)>";

test("a migration is written, rehearsed, applied, taken back; drift and history say what happened", async () => {
  const database = await here.api.database("postgresql", "orders");
  await here.api.query(database, "CREATE TABLE kept (id integer PRIMARY KEY)");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=migrations`);
  await page.getByRole("button", { name: "New migration" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill(NAME);
  for (const [at, text] of [
    [0, "CREATE TABLE made (id integer PRIMARY KEY, note text)"],
    [1, "DROP TABLE made"],
  ] as const) {
    await sheet.locator("[data-editor=sql] .view-lines").nth(at).click();
    await page.keyboard.type(text);
  }
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Save" }).click();
  await sheet.waitFor({ state: "detached" });
  await page.getByText(NAME).waitFor(); // as text
  await page.getByText("Pending", { exact: true }).waitFor();

  await page.getByRole("button", { name: "Rehearse" }).click();
  await sheet.getByRole("button", { name: "Rehearse" }).click();
  await sheet.getByText(/^It works\. It was rolled back/).waitFor({ timeout: 60_000 });
  await sheet.getByText(/locks? held/).waitFor();
  await sheet.getByRole("button", { name: "Close" }).last().click();
  expect(await tables(database)).toEqual(["kept"]);

  await page.getByRole("button", { name: "Apply", exact: true }).click();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Apply", exact: true }).click();
  await sheet.getByText("Migration 1 is applied.").waitFor({ timeout: 60_000 });
  await sheet.getByRole("link", { name: "the snapshot" }).waitFor();
  await sheet.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("gridcell", { name: "Applied", exact: true }).waitFor();
  expect(await tables(database)).toEqual(["kept", "made"]);

  await here.api.query(database, "ALTER TABLE kept ADD COLUMN besides text");
  await page.getByText("Drift", { exact: true }).click();
  await page.getByText("1 change besides migrations").waitFor();
  await page.getByText("+ text").waitFor();
  expect(await axe(page)).toEqual([]);
  await page.getByText("Migrations", { exact: true }).last().click();

  await page.getByRole("button", { name: "Roll back" }).click();
  const back = sheet.getByRole("button", { name: "Roll back" });
  expect(await back.isDisabled()).toBe(true);
  await sheet.getByLabel(/^Type orders/).fill("orders");
  await back.click();
  await sheet.getByText("Migration 1 is taken back.").waitFor({ timeout: 60_000 });
  await sheet.getByRole("button", { name: "Close" }).last().click();
  await page.getByText("Pending", { exact: true }).waitFor();
  expect(await tables(database)).toEqual(["kept"]);

  await page.getByText("History", { exact: true }).click();
  await page.getByText("Taken back", { exact: true }).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

async function tables(database: { id: string }): Promise<string[]> {
  const found = await here.api.query(
    database,
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%' ORDER BY 1",
  );
  return found.rows.map((row: string[]) => row[0]);
}
