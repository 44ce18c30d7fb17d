// Snapshots and what is done with them besides restoring, as a person does it.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { Api, type Json } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";
import { OWNER } from "./kit/server";

const here = house();
const LONG = { timeout: 120_000 };
let shop: Json;
let first: Json;
let second: Json;

beforeAll(async () => {
  shop = await here.api.database("sqlite", "shop");
  await here.api.query(shop, "CREATE TABLE customers (id integer primary key, name text)");
  await here.api.query(shop, "INSERT INTO customers VALUES (1, '<img src=x onerror=globalThis.ran=1>')");
  first = await here.api.snapshot(shop);
  await here.api.query(shop, "INSERT INTO customers VALUES (2, 'Grace')");
  await here.api.query(shop, "CREATE TABLE baskets (id integer)");
  second = await here.api.snapshot(shop);
});

test("a snapshot shows its rows as text, gives out an entry, and is compared with another", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/snapshots/${second.id}?tab=tables`);
  await page.getByRole("button", { name: "customers" }).click();
  const reads: string[] = [];
  page.on("request", (request) => request.url().includes("/rows") && reads.push(request.url()));
  await page.getByText("<img src=x onerror=globalThis.ran=1>").waitFor();
  await page.waitForTimeout(1500);
  expect(reads.length).toBeLessThanOrEqual(1); // each reading is in the audit log, whose signal must not read again
  expect(await page.evaluate(() => (globalThis as { ran?: number }).ran ?? null)).toBe(null);
  await page.getByRole("tab", { name: "Entries" }).click();
  const taking = page.waitForEvent("download");
  await page
    .getByRole("link", { name: /^Download/ })
    .first()
    .click();
  expect(await (await taking).failure()).toBe(null);
  await page.goto(`${here.server.url}/snapshots`);
  await page.getByRole("row").nth(1).waitFor();
  for (const nth of [1, 2]) await page.getByRole("row").nth(nth).getByRole("checkbox").click();
  await page.getByRole("button", { name: "Compare" }).click();
  await page.getByRole("row").filter({ hasText: "baskets" }).getByText("Added").waitFor();
  await page.getByRole("row").filter({ hasText: "customers" }).getByText("Rows differ").waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("proven to a level, tagged, held, deleted, and brought back by the toast", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/snapshots/${first.id}`);
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText("3: restored", { exact: true }).click();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await page.getByRole("dialog").getByRole("button", { name: "Verify" }).click();
  await page
    .getByText(/^Level 3/)
    .first()
    .waitFor(LONG);
  await page.getByRole("textbox", { name: "Add a tag" }).fill("before-<b>sale</b>");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove tag before-<b>sale</b>" }).waitFor();

  const menu = async (item: string) => {
    await page.getByRole("button", { name: "More" }).last().click();
    await page.getByRole("menuitem", { name: item, exact: true }).click();
  };
  await menu("Hold");
  await page.getByText("Held: no policy will remove it").waitFor();
  await menu("Release");
  await page.getByText("Released").waitFor();
  await menu("Delete");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("Forgotten", { exact: true }).waitFor();
  expect(await page.getByRole("link", { name: "Restore", exact: true }).count()).toBe(0);
  await page.getByRole("button", { name: "Undo" }).last().click();
  await page.getByRole("link", { name: "Restore", exact: true }).waitFor();
  expect((await here.api.get(`/snapshots/${first.id}`)).state).toBe("ready");
  expect(errors).toEqual([]);
  await context.close();
});

test("two snapshots leave as one zip under a passphrase, and the link is revoked", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/snapshots`);
  await page.getByRole("row").nth(1).waitFor();
  for (const nth of [1, 2]) await page.getByRole("row").nth(nth).getByRole("checkbox").click();
  await page.getByRole("button", { name: "Share" }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Encryption").selectOption("age");
  const make = sheet.getByRole("button", { name: "Make the link" });
  expect(await make.isDisabled()).toBe(true);
  await sheet.getByLabel("Or under a passphrase").fill("seven quiet mountains");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await make.click();
  const link = await sheet.locator("code").first().textContent();
  expect((await fetch(link ?? "")).status).toBe(200);
  await sheet.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("tab", { name: "Files" }).click();
  await page.getByRole("row").nth(1).getByRole("checkbox").click();
  await page.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("row").nth(1).getByText("Revoked", { exact: true }).waitFor();
  expect((await fetch(link ?? "")).status).not.toBe(200);
  expect(errors).toEqual([]);
  await context.close();
});

test("a dump becomes a snapshot", async () => {
  const dump = join(here.server.root, "old-shop.sql");
  await writeFile(dump, "BEGIN TRANSACTION;\nCREATE TABLE old (a int);\nINSERT INTO old VALUES(41);\nCOMMIT;\n");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/snapshots?tab=imports`);
  await page.getByRole("button", { name: "Import a dump" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Snapshot of").selectOption({ label: "shop" });
  await sheet.getByLabel("File", { exact: true }).setInputFiles(dump);
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Take it in" }).click();
  await page.getByRole("tab", { name: "Tables" }).waitFor(LONG); // the list is there until the snapshot's page is
  await page.getByRole("link", { name: "Restore", exact: true }).waitFor(LONG);
  await page.getByRole("tab", { name: "Tables" }).click();
  await page.getByRole("button", { name: "old" }).waitFor();
  await page.goto(`${here.server.url}/snapshots?tab=imports`);
  await page.getByRole("row").nth(1).waitFor();
  expect(await page.getByRole("row").count()).toBe(2); // the heading and the one that was taken in
  expect(errors).toEqual([]);
  await context.close();
});

test("a drill is held to its aims, and says where it missed them", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/snapshots?tab=drills`);
  await page.getByRole("button", { name: "New drill" }).first().click();
  await page.getByRole("dialog").getByLabel("Database").selectOption({ label: "shop" });
  await page.getByRole("button", { name: "Aims" }).click();
  const sheet = page.getByRole("dialog", { name: "Aims of shop" });
  await sheet.getByLabel("Back within").fill("60");
  await sheet.getByRole("button", { name: "Add a question" }).click();
  await sheet.getByLabel("Question", { exact: true }).fill("customers are there");
  await sheet.getByLabel("Statement, reading only").fill("select count(*) from customers");
  await sheet.getByLabel("Value", { exact: true }).fill("1000");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog", { name: "New drill" }).getByRole("button", { name: "Start" }).click();
  await page.getByText("Failed", { exact: true }).first().waitFor(LONG);
  await page.getByText("2, expected at least 1000").waitFor();
  await page.getByText("aim: 1 h 0 min at most").waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("the history says who brought what back where; how long links live is a setting", async () => {
  const made = await here.api.post(`/snapshots/${first.id}/restore`, { mode: "new", name: "shop-again" });
  await here.api.ended(made.run);
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/snapshots?tab=restores`);
  await page.getByRole("link", { name: "shop-again" }).click();
  await page.getByRole("heading", { name: "The new database is there" }).waitFor();
  const { project_id } = await here.api.environment();
  await here.api.call("PUT", `/projects/${project_id}/file-policy`, { encryption: "required" });
  await page.goto(`${here.server.url}/snapshots/${first.id}`);
  await page.getByRole("button", { name: "Download" }).click();
  await page.getByRole("dialog", { name: "Share this snapshot as a file" }).waitFor(); // plain text may not leave now
  expect(errors).toEqual([]);
  await context.close();
});

test("a viewer sees what there is and no button that could never work", async () => {
  const invite = await here.api.post("/invites", { email: "viewer@example.org", role: "viewer" });
  const viewer = new Api(here.server);
  const token = new URL(invite.link).hash.split("=")[1];
  await viewer.post("/invites/accept", { token, name: "Viewer", password: OWNER.password });
  const { page, errors, context } = await signedIn(here.browser, here.server, viewer);
  await page.goto(`${here.server.url}/snapshots`);
  await page.getByRole("row").nth(1).waitFor();
  expect(await page.getByRole("tab").allTextContents()).toEqual(["Snapshots", "Restores", "Files", "Drills"]);
  expect(await page.getByRole("link", { name: "Restore", exact: true }).count()).toBe(0);
  await page.goto(`${here.server.url}/snapshots/${second.id}`);
  await page.getByRole("button", { name: "Download" }).waitFor(); // a viewer may
  for (const name of ["Verify", "Bring back"]) expect(await page.getByRole("button", { name }).count()).toBe(0);
  await page.getByRole("button", { name: "More" }).last().click();
  expect(await page.getByRole("menuitem").allTextContents()).toEqual(["Share"]);
  await page.goto(`${here.server.url}/snapshots/${second.id}/restore`);
  await page.getByText("You may not restore").waitFor();
  await page.goto(`${here.server.url}/snapshots?tab=drills`);
  await page.getByRole("row").filter({ hasText: "shop" }).first().waitFor();
  expect(await page.getByRole("button", { name: "New drill" }).count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});
