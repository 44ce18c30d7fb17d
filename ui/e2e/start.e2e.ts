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

test("a new owner loses a table and gets it back, over a reload at every step", async () => {
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
