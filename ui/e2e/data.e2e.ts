// Statements drawn, measured, saved and run from the palette; rows and tables made and dropped; two people at one row.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { axe, keyboardOnly } from "./kit/checks";
import { picture } from "./kit/picture";

const here = house();

async function typeSql(page: Page, text: string): Promise<void> {
  await page.locator("[data-editor=sql] .view-lines").waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
  await page.keyboard.press("Escape");
}

test("a result is drawn, a plan is measured, and what would write is asked about", async () => {
  const database = await here.api.database("postgresql", "figures");
  await here.api.query(database, "CREATE TABLE sales (day date, total numeric, region text)");
  await here.api.query(
    database,
    "INSERT INTO sales SELECT date '2026-01-01' + i, i * 1.5, 'north' FROM generate_series(1, 30) i",
  );
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=sql`);
  await page.locator("[data-editor=sql] .view-lines").click();
  await typeSql(page, "select day, total from sales");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("grid", { name: "Result" }).waitFor();
  await page.getByRole("button", { name: "Chart" }).click();
  await page.getByRole("figure", { name: "total by day" }).locator("svg").first().waitFor();
  await picture(page, "sql-chart");
  expect(await axe(page, { within: "main" })).toEqual([]);
  await page.getByRole("button", { name: "Rows", exact: true }).click();
  await page.getByRole("button", { name: "Analyze" }).click();
  await page.getByText("Execution Time", { exact: false }).waitFor();
  await picture(page, "sql-analyze");
  await page.locator("[data-editor=sql] .view-lines").click();
  await typeSql(page, "delete from sales where total > 40");
  await page.keyboard.press("Control+Shift+e");
  await page.getByRole("dialog", { name: "Run this statement to measure it?" }).waitFor();
  expect((await here.api.query(database, "SELECT count(*) FROM sales")).rows).toEqual([[30]]);
  await page.getByRole("button", { name: "Run and measure" }).click();
  await page.getByText("Delete on sales").waitFor();
  expect((await here.api.query(database, "SELECT count(*) FROM sales")).rows).toEqual([[26]]);
  expect(errors).toEqual([]);
  await context.close();
});

test("a saved query is run from the palette by keys alone, and a version of it is restored", async () => {
  const database = await here.api.database("sqlite", "saved");
  const made = await here.api.post(`/databases/${database.id}/saved-queries`, {
    name: "double it",
    statement: "select :n * 2 as doubled",
    parameters: [{ name: "n" }],
  });
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}`);
  await page.getByRole("heading", { name: "saved" }).waitFor();
  const status = await page.evaluate(async (id) => {
    const headers = { "content-type": "application/json", "if-match": '"v1"' };
    const body = JSON.stringify({ statement: "select :n * 3 as tripled" });
    return (await fetch(`/api/v1/saved-queries/${id}`, { method: "PATCH", headers, body })).status;
  }, made.id);
  expect(status).toBe(200);
  const mouse = { click: page.click };
  keyboardOnly(page);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("double");
  await page.getByRole("option", { name: "Run double it" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Parameters" }).waitFor();
  await page.keyboard.type("7");
  await page.keyboard.press("Enter");
  await page.getByRole("gridcell", { name: "21" }).waitFor();
  expect(page.url()).not.toContain("run=");
  Object.assign(page, { click: mouse.click });
  await page.getByRole("button", { name: "Queries" }).click();
  await page.getByRole("menuitem", { name: "Saved queries" }).click();
  await page.getByRole("button", { name: "Versions: double it" }).click();
  await page.getByRole("button", { name: "Restore" }).click();
  await page.getByText("double it is as in version 1 again").waitFor();
  expect((await here.api.get(`/saved-queries/${made.id}`)).statement).toBe("select :n * 2 as doubled");
  expect(errors).toEqual([]);
  await context.close();
});

test("tables and rows are made, followed and dropped; two people at one row do not write over each other", async () => {
  const database = await here.api.database("sqlite", "shapes");
  await here.api.query(database, "CREATE TABLE people (id integer primary key, name text)");
  await here.api.query(database, "CREATE TABLE orders (id integer primary key, person integer REFERENCES people(id))");
  await here.api.query(database, "INSERT INTO people VALUES (1, 'Ada'), (2, 'Bob')");
  await here.api.query(database, "INSERT INTO orders VALUES (10, 2)");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=tables&table=main.orders`);
  await page.getByRole("gridcell", { name: "2", exact: true }).dblclick();
  await page.getByRole("button", { name: "Go to the row" }).click();
  await page.getByRole("gridcell", { name: "Bob" }).waitFor();
  expect(await page.getByRole("gridcell", { name: "Ada" }).count()).toBe(0);

  await page.getByRole("button", { name: "New row" }).click();
  await page.getByRole("dialog").getByLabel("name").fill("<b>Cy</b>");
  await picture(page, "tables-insert");
  await page.getByRole("dialog").getByRole("button", { name: "New row" }).click();
  await page.getByText("Row inserted").waitFor();
  await page.goto(`${here.server.url}/databases/${database.id}?tab=tables&table=main.people`);
  await page.getByRole("gridcell", { name: "<b>Cy</b>" }).waitFor();
  await page.getByRole("checkbox", { name: "Select row" }).nth(2).click();
  await page.getByRole("button", { name: "Delete row" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete row" }).click();
  await page.getByText("1 row deleted").waitFor();
  expect((await here.api.query(database, "SELECT count(*) FROM people")).rows).toEqual([[2]]);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("gridcell", { name: "<b>Cy</b>" }).waitFor();

  const other = await signedIn(here.browser, here.server, here.api);
  await other.page.goto(`${here.server.url}/databases/${database.id}?tab=tables&table=main.people`);
  const stage = async (at: Page, name: string) => {
    await at.getByRole("gridcell", { name: "Ada" }).dblclick();
    await at.getByRole("textbox", { name: "name" }).fill(name);
    await at.getByRole("button", { name: "Change value" }).click();
  };
  await stage(page, "Mine");
  await stage(other.page, "Theirs");
  await other.page.getByRole("button", { name: "Save changes" }).click();
  await other.page.getByText("1 row saved").waitFor();
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByRole("alert").waitFor();
  await picture(page, "tables-conflict");
  expect((await here.api.query(database, "SELECT name FROM people WHERE id = 1")).rows).toEqual([["Theirs"]]);
  await other.context.close();
  await page.getByRole("button", { name: "Discard" }).click();

  await page.getByRole("button", { name: "New table" }).first().click();
  await page.getByRole("dialog").getByLabel("Table", { exact: true }).fill("extra");
  await page.getByRole("button", { name: "Show statements" }).click();
  await page.getByText("CREATE TABLE", { exact: false }).waitFor();
  await picture(page, "tables-create");
  expect((await here.api.get(`/databases/${database.id}/tables`)).items).toHaveLength(2);
  await page.getByRole("dialog").getByRole("button", { name: "New table" }).click();
  await expect.poll(async () => (await here.api.get(`/databases/${database.id}/tables`)).items.length).toBe(3);
  await page.getByRole("button", { name: "extra" }).waitFor();
  await page.getByRole("button", { name: "Change or drop" }).click();
  await page.getByRole("menuitem", { name: "Drop table" }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("extra");
  await page.getByRole("button", { name: "Show statements" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Drop table" }).click();
  await expect.poll(async () => (await here.api.get(`/databases/${database.id}/tables`)).items.length).toBe(2);
  expect(errors).toEqual([]);
  await context.close();
});
