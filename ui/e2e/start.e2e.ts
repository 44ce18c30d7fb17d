// The guided minute: from the link that `make up` prints to a table that came back, by what the page offers.
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { Api } from "./kit/api";
import { house, signedIn, tab } from "./kit/browser";
import { axe, keyboardOnly, tabTo } from "./kit/checks";
import { OWNER } from "./kit/server";

const here = house({ owner: false });
const LONG = { timeout: 60_000 };

async function becomeOwner(page: Page) {
  await page.goto(here.server.firstRunLink ?? "");
  await page.getByLabel("E-mail").fill(OWNER.email);
  await page.getByLabel("New password").fill(OWNER.password);
  await page.getByRole("button", { name: "Become the owner" }).click();
}

test("a new owner loses a table and gets it back, over a reload at every step", { timeout: 240_000 }, async () => {
  const { page, errors, context } = await tab(here.browser);
  await becomeOwner(page);
  await page.getByRole("heading", { name: "Choose a database" }).waitFor();
  expect(await axe(page)).toEqual([]);
  await page.getByRole("button", { name: "Make the sample" }).click();
  await page.getByRole("heading", { name: "Take a snapshot" }).waitFor(LONG);
  await page.reload();
  await page.getByRole("button", { name: "Take a snapshot of sample-shop" }).click();
  await page.waitForURL(/run=/);
  await page.reload(); // in the middle of it
  await page.getByRole("heading", { name: "Break it on purpose" }).waitFor(LONG);
  await page.getByText("400 rows").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Drop the table orders" }).click();
  await page.getByText(/no such table/i).waitFor();
  expect(await axe(page)).toEqual([]);
  await page.getByRole("button", { name: "Get it back" }).click();
  await page.getByText("sample-shop ·").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Restore", exact: true }).click();
  await page.getByLabel("Type sample-shop to confirm").fill("sample-shop");
  await page.getByRole("dialog").getByRole("button", { name: "Restore" }).click();
  await page.getByRole("heading", { name: "It is back" }).waitFor(LONG);
  await page.getByText("400 rows").waitFor();
  await page.getByRole("cell", { name: "Budi 9" }).or(page.getByRole("row").nth(1)).first().waitFor();
  expect(await axe(page)).toEqual([]);
  await page.reload();
  await page.getByText("400 rows").waitFor();

  const api = await Api.owner(Object.assign(here.server, { firstRunLink: null }));
  const [shop] = (await api.get("/databases")).items;
  expect((await api.query(shop, "SELECT count(*) FROM orders")).rows).toEqual([[400]]);
  expect(
    (await api.get("/restores")).items.map(({ state, mode }: { state: string; mode: string }) => [state, mode]),
  ).toEqual([["succeeded", "in_place"]]);
  expect(errors).toEqual([]);
  await context.close();
});

test("by keys alone, on PostgreSQL", { timeout: 240_000 }, async () => {
  const api = await Api.owner(here.server);
  const { page, errors, context } = await signedIn(here.browser, here.server, api);
  await page.goto(`${here.server.url}/`);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  keyboardOnly(page);
  const { keyboard } = page;
  await keyboard.press("ControlOrMeta+k");
  await page.getByPlaceholder("Go to, find, or do…").waitFor();
  await keyboard.type("guided");
  await page.getByRole("option", { name: "Guided minute" }).waitFor();
  await keyboard.press("Enter");
  await page.getByRole("heading", { name: "Choose a database" }).waitFor();
  await page.getByRole("button", { name: "Make the sample" }).waitFor();
  await tabTo(page, "SQLite");
  await keyboard.press("ArrowLeft");
  expect(await page.getByRole("radio", { name: "PostgreSQL" }).isChecked()).toBe(true);
  await tabTo(page, "Make the sample");
  await keyboard.press("Enter");
  await page.getByRole("heading", { name: "Take a snapshot" }).waitFor(LONG);
  for (const verb of [/^Take a snapshot of sample-shop/, "Drop the table orders", "Get it back"]) {
    await page.getByRole("button", { name: verb }).waitFor(LONG);
    await tabTo(page, verb);
    await keyboard.press("Enter");
  }
  await page.getByRole("button", { name: "Restore", exact: true }).waitFor(LONG);
  await tabTo(page, "Restore");
  await keyboard.press("Enter");
  const field = page.getByLabel(/^Type sample-shop/);
  await field.waitFor();
  const name = (await field.evaluate((input: HTMLInputElement) => input.labels?.[0]?.textContent ?? "")).split(" ")[1];
  if (!(await field.evaluate((input) => input === document.activeElement))) await tabTo(page, /^Type sample-shop/);
  await keyboard.type(name ?? "");
  await keyboard.press("Enter");
  await page.getByRole("heading", { name: "It is back" }).waitFor(LONG);
  await page.getByText("400 rows").waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("of one's own database nothing is broken, whatever the address says", async () => {
  const api = await Api.owner(here.server);
  const mine = await api.database("sqlite", "mine");
  await api.query(mine, "CREATE TABLE orders (id integer primary key)");
  const snapshot = await api.snapshot(mine);
  const { page, errors, context } = await signedIn(here.browser, here.server, api);
  await page.goto(`${here.server.url}/start?step=break&database=${mine.id}&snapshot=${snapshot.id}`);
  await page.getByText("mine is not the sample").waitFor();
  expect(await page.getByRole("button", { name: /^Drop/ }).count()).toBe(0);
  await page.goto(`${here.server.url}/start`);
  await page.getByRole("button", { name: "mine", exact: true }).click();
  await page.getByRole("button", { name: "Take a snapshot of mine" }).click();
  await page.getByRole("heading", { name: "Restore the snapshot" }).waitFor(LONG);
  await page.getByRole("button", { name: "Restore", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Restore" }).click();
  await page.getByText(/^mine-restored-.* is restored and verified$/).waitFor(LONG);
  expect((await api.query(mine, "SELECT count(*) FROM orders")).rows).toEqual([[0]]);
  expect(errors).toEqual([]);
  await context.close();
});
