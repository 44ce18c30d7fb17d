// Rows in and out of a real database: a file with bad rows in it, and a file that is downloaded and read.
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Json } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";

const here = house();
const EVIL = '<img src=x onerror="document.title=1">';
const FILE = { name: "orders.csv", mimeType: "text/csv" };
const lines = ["id,amount,note", "1,10,first", "2,many,second", `3,30,${EVIL}`, "4,lots,fourth", "5,50,fifth"];
const buffer = Buffer.from(`${lines.join("\n").replaceAll('"', "")}\n`);

test("a file with two bad rows: nothing is written, its lines are named; then they are left out", async () => {
  const database = await here.api.database("postgresql", "shop");
  await here.api.query(database, "CREATE TABLE orders (id integer PRIMARY KEY, amount integer, note text)");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=transfers`);
  const sheet = page.getByRole("dialog");
  const choose = async () => {
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await sheet.locator("input[type=file]").setInputFiles({ ...FILE, buffer });
    await sheet.getByText("Rows are added to the table that is there.").waitFor({ timeout: 30_000 });
  };
  await choose();
  expect(await sheet.getByLabel("Into table").inputValue()).toBe("public.orders");
  expect(await sheet.getByLabel("Where amount goes").inputValue()).toBe("amount");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Import", exact: true }).click();
  await sheet.getByText("Nothing was written: the table is as it was.").waitFor({ timeout: 60_000 });
  const bad = sheet.getByRole("region", { name: "Rows that cannot go in" });
  await bad.getByRole("cell", { name: "3", exact: true }).waitFor();
  await bad.getByRole("cell", { name: "5", exact: true }).waitFor();
  expect(await count(database)).toBe(0);
  await sheet.getByRole("button", { name: "Close" }).last().click();

  await choose();
  await sheet.getByLabel("Rows that cannot go in").selectOption({ label: "Leave out at most" });
  await sheet.getByRole("button", { name: "Import", exact: true }).click();
  await sheet.getByText("Rows added", { exact: true }).waitFor({ timeout: 60_000 });
  await bad.getByRole("cell", { name: "many", exact: true }).waitFor();
  const waiting = page.waitForEvent("download");
  await sheet.getByRole("link", { name: "Download all" }).click();
  const report = (await readFile(await (await waiting).path(), "utf8")).trim().split("\n");
  expect(report.map((line) => JSON.parse(line).line)).toEqual([3, 5]);
  expect(await count(database)).toBe(3);
  await sheet.getByRole("button", { name: "Close" }).last().click();

  await page.getByText("Imports", { exact: true }).click();
  await page.getByRole("gridcell", { name: "Failed" }).waitFor();
  await page.getByRole("gridcell", { name: "Done" }).waitFor();
  expect(await axe(page)).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});

test("an export is written, downloaded, and deleted again", async () => {
  const database = await here.api.database("sqlite", "out");
  await here.api.query(database, 'CREATE TABLE "<b>odd</b>" (id integer PRIMARY KEY, "<i>n</i>" text)');
  await here.api.query(database, "INSERT INTO \"<b>odd</b>\" VALUES (1, 'a,b'), (2, NULL)");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=transfers`);
  await page.getByRole("button", { name: "Export", exact: true }).click();
  const sheet = page.getByRole("dialog");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByLabel("Table", { exact: true }).selectOption("main.<b>odd</b>");
  await sheet.getByRole("button", { name: "Export", exact: true }).click();
  await sheet.getByText(/ are written\.$/).waitFor({ timeout: 60_000 });
  const waiting = page.waitForEvent("download");
  await sheet.getByRole("link", { name: "Download" }).click();
  const text = await readFile(await (await waiting).path(), "utf8");
  expect(text.replaceAll("\r\n", "\n")).toBe('id,<i>n</i>\n1,"a,b"\n2,\n');
  await sheet.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("gridcell", { name: "Ready" }).waitFor();
  await page.getByRole("checkbox", { name: "Select row" }).first().check();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByText("Take data out").waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

async function count(database: Json): Promise<number> {
  return Number((await here.api.query(database, "SELECT count(*) FROM orders")).rows[0][0]);
}
