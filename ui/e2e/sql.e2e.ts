// Databases as people use them: made by keys alone, asked with completion, answered with more rows than a page can hold.
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { axe, keyboardOnly, longTasks, tabTo } from "./kit/checks";
import { picture } from "./kit/picture";

const here = house();

async function typeSql(page: Page, text: string): Promise<void> {
  await page.locator("[data-editor=sql] .view-lines").waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
}

test("a database is made with the keyboard alone, and its page is where it ends", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await here.api.database("sqlite", "taken");
  await page.goto(`${here.server.url}/databases`);
  await page.getByRole("grid", { name: "Databases" }).waitFor();
  keyboardOnly(page);
  await page.keyboard.press("Shift+N");
  await page.getByRole("dialog").waitFor();
  await page.getByLabel("Name", { exact: true }).waitFor();
  await page.keyboard.type("taken");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("[aria-invalid=true]") !== null);
  await picture(page, "create-refused");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("keys");
  await tabTo(page, "SQLite");
  await page.keyboard.press("Space");
  await tabTo(page, "Create database");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/databases\/[^/]+$/);
  await page.getByRole("heading", { name: "keys" }).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("completion knows aliases, errors are marked, what was typed is there after a reload", async () => {
  const database = await here.api.database("postgresql", "completion");
  await here.api.query(database, 'CREATE TABLE people (id int primary key, email text, "Full Name" text)');
  await here.api.query(
    database,
    "INSERT INTO people VALUES (1, 'a@example.org', NULL), (2, '', '<img src=x onerror=alert(1)>')",
  );
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=sql`);
  await page.locator("[data-editor=sql] .view-lines").click();
  await typeSql(page, "select p from people p where p");
  await page.keyboard.type(".em");
  await page.locator(".suggest-widget .monaco-list-row").first().waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type(" is not null order by 1");
  expect(await page.locator(".view-lines").innerText()).toContain("p.email");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("grid", { name: "Result" }).waitFor();
  await typeSql(page, "select * from people");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Enter");
  await page.getByText("<img src=x onerror=alert(1)>").waitFor();
  await page.getByRole("gridcell", { name: "NULL" }).waitFor();
  await picture(page, "sql-result");
  expect(await axe(page, { within: "main" })).toEqual([]);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForFunction(() => {
    const ground = document.querySelector("[data-editor=sql] .monaco-editor-background");
    const [red = 255] = (ground && getComputedStyle(ground).backgroundColor.match(/\d+/g)?.map(Number)) || [];
    return red < 64; // the editor's own theme follows the system's
  });
  await picture(page, "sql-dark");
  await page.setViewportSize({ width: 390, height: 844 });
  await picture(page, "sql-phone");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.locator("[data-editor=sql] .view-lines").click();
  await page.keyboard.press("Control+e");
  await page.getByRole("list", { name: "Plan" }).waitFor();
  await picture(page, "sql-plan");
  await page.locator("[data-editor=sql] .view-lines").click();
  await typeSql(page, "select nope from people");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Enter");
  await page.locator(".squiggly-error").waitFor();
  await page.getByRole("alert").getByText("nope").waitFor();
  await picture(page, "sql-error");
  await page.reload();
  await page.getByText("select nope from people").first().waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("a hundred thousand rows scroll without freezing", async () => {
  const database = await here.api.database("postgresql", "many");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=sql`);
  await page.getByLabel("Rows at most").selectOption("100000");
  await page.locator("[data-editor=sql] .view-lines").click();
  await typeSql(page, "select i, repeat(md5(i::text), 3) a, i * 1.5 b from generate_series(1, 100000) i");
  await page.keyboard.press("Escape");
  const begun = Date.now();
  await page.keyboard.press("Control+Enter");
  await page.getByText("100,000 rows", { exact: false }).last().waitFor();
  await page.getByText("Copy as").waitFor();
  const grid = page.getByRole("grid", { name: "Result" });
  await grid.focus();
  const slow = await longTasks(page, async () => {
    for (let step = 0; step < 20; step++) {
      await page.keyboard.press("PageDown");
      await page.waitForTimeout(30);
    }
    await page.keyboard.press("Control+End");
    await page.getByRole("gridcell", { name: "100000", exact: true }).waitFor();
  });
  console.log(`100,000 rows: ${Date.now() - begun} ms to the last, long tasks while scrolling ${JSON.stringify(slow)}`);
  expect(await page.getByRole("row").count()).toBeLessThan(120);
  await picture(page, "sql-many");
  expect(errors).toEqual([]);
  await context.close();
});

test("a row is changed, staged, saved; another's change in between is not written over", async () => {
  const database = await here.api.database("sqlite", "rows");
  await here.api.query(database, "CREATE TABLE notes (id integer primary key, body text)");
  await here.api.query(database, "INSERT INTO notes VALUES (1, 'old'), (2, 'other')");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=tables`);
  await page.getByRole("gridcell", { name: "old" }).dblclick();
  await page.getByRole("textbox", { name: "body" }).fill("new");
  await page.getByRole("button", { name: "Change value" }).click();
  await page.getByText("1 row changed, not saved").waitFor();
  await picture(page, "tables-staged");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByText("1 row saved").waitFor();
  const now = await here.api.query(database, "SELECT body FROM notes WHERE id = 1");
  expect(now.rows).toEqual([["new"]]);
  await page.getByRole("gridcell", { name: "other" }).dblclick();
  await page.getByRole("textbox", { name: "body" }).fill("mine");
  await page.getByRole("button", { name: "Change value" }).click();
  await here.api.query(database, "UPDATE notes SET body = 'theirs' WHERE id = 2");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.locator(".text-bad").first().waitFor();
  expect((await here.api.query(database, "SELECT body FROM notes WHERE id = 2")).rows).toEqual([["theirs"]]);
  await page.getByRole("button", { name: "Structure" }).click();
  await page.getByLabel("Primary key").waitFor();
  await picture(page, "tables-structure");
  expect(await axe(page, { within: "main" })).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});
