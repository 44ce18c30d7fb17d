// SQLite to PostgreSQL: the losses first, then the rows, counted on both sides. And what a viewer does not see.
import { expect, test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";

const here = house();
const EVIL = "<img src=x onerror=alert(1)>";

test("a SQLite database is moved to PostgreSQL: losses accepted, rows counted there", async () => {
  const database = await here.api.database("sqlite", "shop");
  await here.api.query(database, `CREATE TABLE orders (id integer PRIMARY KEY, "${EVIL}" text, CHECK (id > 0))`);
  await here.api.query(
    database,
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) INSERT INTO orders SELECT i, 'x' FROM n",
  );
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=moves`);
  await page.getByRole("button", { name: "Move to another engine" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Engine", { exact: true }).selectOption({ label: "PostgreSQL" });
  await sheet.getByLabel("Name of the new database").fill("shop-pg");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Plan the move" }).click();
  await sheet.getByText("CHECK", { exact: false }).first().waitFor({ timeout: 60_000 });
  const start = sheet.getByRole("button", { name: "Start the move" });
  expect(await start.isDisabled()).toBe(true);
  await sheet.getByLabel("I accept every loss listed here").check();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await start.click();
  await sheet.getByText("250 rows were read back from the new database and are the same.").waitFor({ timeout: 90_000 });
  await sheet.getByRole("button", { name: "Open shop-pg" }).click();
  await page.getByRole("heading", { name: "shop-pg" }).waitFor();
  const moved = (await here.api.get("/databases")).items.find(({ name }: { name: string }) => name === "shop-pg");
  const found = await here.api.query(moved, `SELECT count(*), max("${EVIL}") FROM orders`);
  expect([Number(found.rows[0][0]), found.rows[0][1]]).toEqual([250, "x"]);

  await page.goto(`${here.server.url}/databases/${database.id}?tab=moves`);
  await page.getByRole("gridcell", { name: "Done", exact: true }).waitFor();
  expect(await axe(page)).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});
