// Bringing data back, as the person does it at three in the morning.
import { expect, test } from "vitest";
import type { Json } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe, keyboardOnly, tabTo } from "./kit/checks";

const here = house();
const LONG = { timeout: 120_000 };

test("by keys alone: from the list of snapshots to a new database", async () => {
  const shop = await here.api.database("sqlite", "shop");
  await here.api.query(shop, "CREATE TABLE customers (id integer primary key, name text)");
  await here.api.query(shop, "INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace')");
  await here.api.snapshot(shop);
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  keyboardOnly(page);
  await page.goto(here.server.url);
  await page.getByRole("link", { name: "Snapshots", exact: true }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByRole("grid", { name: "Snapshots" }).waitFor();
  await page.getByRole("row").nth(1).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Restore", exact: true }).waitFor();
  await tabTo(page, "Restore");
  await page.keyboard.press("Enter");
  await page.getByRole("radio", { name: "Everything" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("radio", { name: "A new database" }).waitFor();
  await tabTo(page, "Name");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("shop-by-keys");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Makes the database shop-by-keys in" }).waitFor();
  expect(await axe(page, { within: "main" })).toEqual([]);

  await page.reload(); // the address keeps the step and the name
  await page.getByRole("heading", { name: "Makes the database shop-by-keys in" }).waitFor();
  await tabTo(page, "Restore");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "The new database is there" }).waitFor(LONG);
  await page.getByText("Compared with the snapshot: 2 rows in 1 table", { exact: false }).waitFor();
  expect(await axe(page, { within: "main" })).toEqual([]);
  await tabTo(page, "Open the database");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "shop-by-keys" }).waitFor();
  const [made] = (await here.api.get("/databases?name=shop-by-keys")).items;
  const { rows } = await here.api.query(made, "SELECT name FROM customers ORDER BY id");
  expect(rows).toEqual([["Ada"], ["Grace"]]);
  expect(errors).toEqual([]);
  await context.close();
});

test("a table dropped in PostgreSQL comes back in place, and the safety snapshot undoes that", async () => {
  const orders = await here.api.database("postgresql", "orders");
  await here.api.query(orders, "CREATE TABLE kept (a int)");
  await here.api.query(orders, "CREATE TABLE lost AS SELECT n, 'row ' || n AS said FROM generate_series(1, 500) n");
  const snapshot = await here.api.snapshot(orders);
  await here.api.query(orders, "DROP TABLE lost");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/snapshots/${snapshot.id}`);
  await page.getByRole("link", { name: "Restore", exact: true }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Over orders", { exact: true }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Replaces what is in orders" }).waitFor();
  const replace = page.getByRole("button", { name: "Replace and restore" });
  expect(await replace.isDisabled()).toBe(true);
  await page.getByLabel("Type orders to confirm").fill("order");
  expect(await replace.isDisabled()).toBe(true);
  expect(await page.getByRole("checkbox", { name: /^Take a safety snapshot/ }).isChecked()).toBe(true);
  await page.getByLabel("Type orders to confirm").fill("orders");
  expect(await axe(page, { within: "main" })).toEqual([]);
  await replace.click();
  await page.getByRole("heading", { name: "The database is back" }).waitFor(LONG);
  const { rows } = await here.api.query(orders, "SELECT count(*), max(said) FROM lost");
  expect(rows.flat().map(String)).toEqual(["500", "row 99"]);

  await page.getByRole("link", { name: "Undo this restore" }).click();
  await page.getByLabel("Type orders to confirm").fill("orders");
  const override = page.getByRole("checkbox", { name: /although it is not proven/ });
  if (await override.count()) await override.check();
  await replace.click();
  await page.getByRole("heading", { name: "The database is back" }).waitFor(LONG);
  await expect(here.api.query(orders, "SELECT 1 FROM lost")).rejects.toThrow("lost");
  expect(errors).toEqual([]);
  await context.close();
});

test("SQLite and Valkey come back beside, whatever they are called", async () => {
  const name = "<img src=x onerror=globalThis.ran=1>";
  const plain = await here.api.database("sqlite", name);
  await here.api.query(plain, 'CREATE TABLE "a*,b" (a integer)');
  await here.api.query(plain, 'INSERT INTO "a*,b" VALUES (7)');
  await here.api.query(plain, "CREATE TABLE other (a integer)");
  const keys = await here.api.database("valkey", "sessions");
  await here.api.query(keys, "SET greeting hello");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  const restored = async (snapshot: Json, as: string, table?: string) => {
    await page.goto(`${here.server.url}/snapshots/${snapshot.id}/restore`);
    await page.getByRole("radio", { name: "Everything" }).waitFor();
    if (table) {
      await page.getByText("Chosen tables", { exact: true }).click();
      await page.getByRole("checkbox", { name: table }).check();
    }
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByLabel("Name", { exact: true }).fill(as);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("button", { name: "Restore", exact: true }).click();
    await page.getByRole("heading", { name: "The new database is there" }).waitFor(LONG);
    return (await here.api.get(`/databases?name=${encodeURIComponent(as)}`)).items[0];
  };
  const some = await restored(await here.api.snapshot(plain), "only-one-table", "a*,b");
  expect((await here.api.query(some, 'SELECT a FROM "a*,b"')).rows).toEqual([[7]]);
  await expect(here.api.query(some, "SELECT 1 FROM other")).rejects.toThrow("other");
  const again = await restored(await here.api.snapshot(keys), "sessions-again");
  expect(JSON.stringify((await here.api.query(again, "GET greeting")).rows)).toContain("hello");
  expect(await page.evaluate(() => (globalThis as { ran?: number }).ran ?? null)).toBe(null);
  expect(errors).toEqual([]);
  await context.close();
});

test("what would be refused is said before it is asked for, with the way on", async () => {
  const shop = (await here.api.get("/databases?name=shop")).items[0];
  const { id } = await here.api.snapshot(shop);
  const { page, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/snapshots/${id}/restore?step=check&name=shop`);
  await page.getByRole("alert").filter({ hasText: "shop" }).waitFor();
  const begin = page.getByRole("button", { name: "Restore", exact: true });
  expect(await begin.isDisabled()).toBe(true);
  await page.getByRole("button", { name: "Change where" }).click();
  await page.getByLabel("Name", { exact: true }).fill("free-name");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Makes the database free-name" }).waitFor();
  await begin.and(page.locator(":enabled")).waitFor();

  const environment = await here.api.environment();
  const production = await here.api.post(`/projects/${environment.project_id}/environments`, {
    name: "live",
    kind: "production",
  });
  await page.goto(`${here.server.url}/snapshots/${id}/restore?step=where`);
  await page.getByLabel("Environment", { exact: true }).selectOption({ label: production.name });
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("This is production.", { exact: false }).waitFor();
  expect(await begin.isDisabled()).toBe(true);
  await context.close();
});
