// Workers as a person sees them, on code that really runs: from the empty list through every tab.
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";
import { picture } from "./kit/picture";
import type { House, Shown } from "./kit/screens";
import { workers } from "./kit/screens/workers";

const here = house();

test("a worker is made, looked at, rolled out, rolled back, set, and deleted", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/workers`);
  await page.getByText("holdfast deploy", { exact: true }).waitFor();
  await picture(page, "workers-empty");
  expect(await axe(page)).toEqual([]);
  const id = await made(page);

  const shown = await workers({ api: here.api, environment: await here.api.environment() } as House);
  const shop = shown.find(({ name }) => name === "worker")?.path ?? "";
  await pictures(page, shown);
  await listed(page);
  await fared(page, shop);
  await versions(page, shop);
  await logs(page, shop);
  await settings(page, shop);
  await deleted(page, id);
  expect(errors).toEqual([]);
  await context.close();
}, 300_000);

test("a tab pressed before the worker is known is the one that is shown", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  const environment = await here.api.environment();
  const { id } = await here.api.post("/workers", { environment_id: environment.id, name: "Slow Reader" });
  await page.route(`**/api/v1/workers/${id}`, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue();
  });
  await page.goto(`${here.server.url}/workers/${id}?tab=editor`);
  await page.getByRole("tab").first().waitFor();
  await page.getByRole("tab", { name: "Overview" }).click();
  await page.getByText("holdfast deploy --name 'Slow Reader'").waitFor();
  expect(errors).toEqual([]);
  await context.close();
}, 60_000);

/** By the form, which ends in its editor; its page says how code comes to it. */
async function made(page: Page): Promise<string> {
  await page.getByRole("button", { name: "New worker" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill("Mail Sorter");
  expect(await sheet.getByLabel("Slug").getAttribute("placeholder")).toBe("mail-sorter");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Create" }).click();
  await page.waitForURL(/\/workers\/wrk_/);
  const id = new URL(page.url()).pathname.split("/").at(-1) ?? "";
  await page.getByRole("tab", { name: "Overview" }).click();
  await page.getByText("holdfast deploy --name 'Mail Sorter'").waitFor();
  return id;
}

async function listed(page: Page): Promise<void> {
  await page.goto(`${here.server.url}/workers`);
  const row = page.getByRole("row").filter({ hasText: "shop-api" });
  await row.getByText("v1 90 % · v2 10 %").waitFor();
  await row.getByText("5xx 2", { exact: true }).waitFor();
  await row.getByText("4xx 1", { exact: true }).waitFor();
  expect(await row.getByRole("link", { name: /^shop-api\.localhost/ }).getAttribute("href")).toMatch(
    /^http:\/\/shop-api\.localhost:\d+$/,
  );
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder(/./).last().fill("thumb");
  await page.getByRole("option", { name: "thumbnails" }).waitFor();
  await page.keyboard.press("Escape");
}

/** Seven calls were made: one failed, one answered 503 by itself, one 404. */
async function fared(page: Page, path: string): Promise<void> {
  await page.goto(here.server.url + path);
  const [routes] = await Promise.all([
    page.waitForEvent("popup"),
    page.getByRole("link", { name: "Its routes as a page" }).click(),
  ]);
  await routes.getByText("This version declares no routes", { exact: false }).waitFor();
  await routes.close();
  expect(await page.getByRole("link", { name: "/openapi.json" }).getAttribute("href")).toMatch(
    /^http:\/\/shop-api\.localhost:\d+\/openapi\.json$/,
  );
  await page.getByRole("heading", { name: "Traffic" }).waitFor();
  await page.getByText("2 (28.6 %)").waitFor();
  await page.getByText("Exception 1", { exact: true }).waitFor();
  for (const [name, shown] of [
    ["Answers by status", ["2xx", "4xx", "5xx"]],
    ["Ended badly", []],
    ["Duration", ["p50", "p95", "p99"]],
  ] as const) {
    const chart = page.getByRole("figure", { name, exact: true });
    await chart.locator("svg").first().waitFor();
    for (const each of shown) await chart.getByText(each, { exact: true }).waitFor();
  }
  await page.getByRole("row").filter({ hasText: "v1 · v1.0" }).getByRole("cell", { name: "6", exact: true }).waitFor();
  await page.getByLabel("Version", { exact: true }).selectOption({ label: "v2 · v1.1" });
  await page.getByText("2 (28.6 %)").waitFor({ state: "detached" });
}

async function versions(page: Page, path: string): Promise<void> {
  await page.goto(`${here.server.url}${path}?tab=versions`);
  await page.getByRole("button", { name: "v2 · v1.1" }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByText('return Response("good morning\\n")').waitFor();
  await sheet.getByText('return Response("hello\\n")').waitFor();
  await sheet.getByRole("textbox", { name: "Tag" }).fill("v1.2");
  await sheet.getByRole("button", { name: "Save tag" }).click();
  await sheet.getByText("Version v2 · v1.2").waitFor();
  expect(await sheet.getByRole("link", { name: "Document", exact: true }).getAttribute("href")).toMatch(
    /^\/api\/v1\/workers\/wrk_[^/]+\/openapi\?version_id=wver_/,
  );
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Deploy this version" }).click();
  await sheet.getByRole("slider").fill("25");
  await sheet.getByText("25 %", { exact: true }).waitFor();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Deploy", exact: true }).click();
  await sheet.waitFor({ state: "detached" });
  await page.getByRole("gridcell", { name: "75 %" }).waitFor();

  await page.getByText("Deployments", { exact: true }).click();
  await page.getByText("v1 75 % · v2 25 %").waitFor();
  await page.getByRole("button", { name: "v1 · v1.0" }).click();
  await sheet.getByText("Roll back to v1 · v1.0?").waitFor();
  await sheet.getByRole("button", { name: "Roll back" }).click();
  await page.getByText("Rollback", { exact: true }).waitFor();
}

/** A line that comes is shown without asking; a failed call shows where it failed. */
async function logs(page: Page, path: string): Promise<void> {
  await page.goto(`${here.server.url}${path}?tab=logs`);
  await page.getByText(/asked for .*\/prices/).waitFor();
  await here.api.post(`${path}/invoke`, { path: "/just-now" });
  await page.getByText(/asked for .*\/just-now/).waitFor({ timeout: 5000 });
  await page.getByLabel("Find in lines").fill("prices");
  await page.getByText(/just-now/).waitFor({ state: "detached" });

  await page.getByText("Calls", { exact: true }).click();
  const rows = page.getByRole("grid", { name: "Calls" });
  await rows.getByText("GET /prices").waitFor();
  const called = (to: string) => here.api.post(`${path}/invoke`, { path: to });
  await called("/while-open");
  await rows.getByRole("row").nth(1).getByText("GET /while-open").waitFor({ timeout: 5000 });
  await page.getByRole("button", { name: "Pause" }).click();
  await called("/paused");
  await page.waitForTimeout(1500);
  expect(await rows.getByText("GET /paused").count()).toBe(0);
  await page.getByRole("button", { name: "Follow" }).click();
  await rows.getByText("GET /paused").waitFor({ timeout: 5000 });
  expect(await rows.getByText("GET /while-open").count()).toBe(1);
  await page.getByRole("button", { name: "GET /broken" }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByText("ValueError: the cart is empty").first().waitFor();
  await sheet
    .getByText(/entry\.py", line 7/)
    .first()
    .waitFor();
  await picture(page, "worker-call-sheet");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
}

async function settings(page: Page, path: string): Promise<void> {
  const part = (name: string) => page.goto(`${here.server.url}${path}?tab=settings&part=${name}`);
  await part("limits");
  await page.getByLabel("Memory", { exact: true }).fill("64");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).waitFor();
  expect((await here.api.get(path)).settings.limits.memory_bytes).toBe(64 * 1024 * 1024);

  await part("permits");
  await page.getByLabel("Hosts it may reach").fill("not a host");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(/reads api\.example\.org/).waitFor();

  await part("keys");
  await page.getByRole("button", { name: "New key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("till");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText(/^Authorization: Bearer /).waitFor();
  await dialog.getByRole("button").last().click();
  await rotated(page, path);
  await page.getByRole("button", { name: "Revoke till" }).click();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await dialog.waitFor({ state: "detached" });
  expect((await here.api.get(`${path}/keys`)).items.map(({ name }: { name: string }) => name)).toEqual(["shop"]);

  await part("hosts");
  await page.getByText("_holdfast.api.example.org").waitFor();
  await part("crons");
  await page.getByRole("button", { name: "Run now" }).click();
  await page.getByText("The turn went well").waitFor({ timeout: 20_000 });
  await part("variables");
  await page.getByText("REGION", { exact: true }).waitFor();
  await page.getByRole("button", { name: "New variable" }).first().click();
  await dialog.getByLabel("Name", { exact: true }).fill("LIMIT");
  await dialog.getByLabel("Value").fill("30");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("LIMIT", { exact: true }).waitFor();
  expect(await here.api.get(`${path}/env`)).toContainEqual({ name: "LIMIT", kind: "var", level: "worker", value: 30 });
}

/** Another text for the same key; the one before counts for a while, and both are told. */
async function rotated(page: Page, path: string): Promise<void> {
  const till = async () =>
    (await here.api.get(`${path}/keys`)).items.find(({ name }: { name: string }) => name === "till");
  const before = await till();
  const dialog = page.getByRole("dialog");
  const entry = page.getByRole("listitem").filter({ hasText: "till" });
  await entry.getByText("Never used").waitFor();
  await page.getByRole("button", { name: "Rotate till" }).click();
  await dialog.getByLabel("The text before counts").selectOption({ label: "For an hour" });
  await picture(page, "worker-key-rotate");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await dialog.getByText(/^Authorization: Bearer /).waitFor();
  await dialog.getByRole("button").last().click();
  await entry.getByText("Text before until").waitFor();
  const after = await till();
  expect([after.id, after.shown === before.shown]).toEqual([before.id, false]);
  const left = (Date.parse(after.previous_until) - Date.now()) / 1000;
  expect(left > 3500 && left <= 3600).toBe(true);
}

/** After its name was typed; the trash has it, and it comes back. */
async function deleted(page: Page, id: string): Promise<void> {
  await page.goto(`${here.server.url}/workers/${id}?tab=settings&part=danger`);
  await page.getByRole("button", { name: "Delete worker" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^Type Mail Sorter/).fill("Mail Sorter");
  await dialog.getByRole("button", { name: "Delete worker" }).click();
  await page.waitForURL(/\/workers$/);
  await page.goto(`${here.server.url}/workers/${id}`);
  await page.getByRole("button", { name: "Bring back" }).click();
  await page.getByText("Enabled", { exact: true }).waitFor();
}

/** For people, where HOLDFAST_PICTURES names a folder: light, dark, and as wide as a phone. */
async function pictures(page: Page, shown: readonly Shown[]): Promise<void> {
  if (!process.env.HOLDFAST_PICTURES) return;
  for (const [way, colorScheme, width] of [
    ["light", "light", 1280],
    ["dark", "dark", 1280],
    ["phone", "light", 390],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 844 });
    for (const { name, path } of shown) {
      await page.goto(here.server.url + path);
      await page.waitForTimeout(400);
      await picture(page, `${name}-${way}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 800 });
}
