// Activity, audit, runs, alerts and channels as people use them, on a real server with a real receiver.
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Api, type Json } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";
import { LOOPBACK, Receiver } from "./kit/receiver";
import { failedRun, first } from "./kit/screens/watch";

const here = house({ env: LOOPBACK });
const MARKUP = "<img src=x onerror=globalThis.ran=1>";
let receiver: Receiver;

beforeAll(async () => {
  receiver = await Receiver.start();
});
afterAll(() => receiver.close());

async function ranNothing(page: Page): Promise<void> {
  expect(await page.evaluate(() => (globalThis as { ran?: number }).ran ?? null)).toBe(null);
  expect(await page.locator("img[src=x]").count()).toBe(0);
}

test("a channel is made, tested, its delivery given up and sent again; its address is never read back", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/alert-channels`);
  await page.getByRole("button", { name: "New channel" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill(MARKUP);
  await sheet.getByLabel("Address", { exact: true }).fill(`${receiver.url}/in?token=unseen-by-listings`);
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Create channel" }).click();
  await page.getByText(/^whsec_/).waitFor();
  await page.getByRole("button", { name: "I have kept it" }).click();

  receiver.answer = { status: 200, body: MARKUP };
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("It arrived").waitFor();
  await page.getByText("answered 200").waitFor();
  await page.locator("pre").filter({ hasText: MARKUP }).waitFor();
  expect(receiver.seen.at(-1)?.headers["webhook-signature"]).toMatch(/^v1,/);
  expect(await page.content()).not.toContain("unseen-by-listings");

  receiver.answer = { status: 410, body: "gone" };
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("It did not arrive").waitFor();
  await page.getByText("answered 410", { exact: true }).waitFor();

  await page.getByRole("link", { name: "What was sent to it" }).click();
  await page.getByRole("row").filter({ hasText: "Given up" }).getByRole("button").click();
  const delivery = page.getByRole("dialog");
  await delivery.getByText("answered 410", { exact: true }).waitFor();
  const sent = receiver.seen.length;
  receiver.answer = { status: 200, body: "at last" };
  await delivery.getByRole("button", { name: "Send again" }).click();
  await delivery.getByText("at last").waitFor(); // by a signal: nothing asks for it
  expect(receiver.seen.slice(sent).map(({ headers }) => headers["webhook-id"])).toEqual([
    receiver.seen[sent - 1]?.headers["webhook-id"],
  ]);
  await ranNothing(page);
  expect(errors).toEqual([]);
  await context.close();
});

/** Every pack of a repository with one bit of it turned, as a disk does. */
function damage(root: string): void {
  const packs = readdirSync(join(root, "data", "repositories"), { recursive: true, encoding: "utf8" })
    .map((name) => join(root, "data", "repositories", name))
    .filter((name) => /\/data\/[0-9a-f]{2}\//.test(name) && statSync(name).isFile());
  expect(packs.length).toBeGreaterThan(0);
  for (const pack of packs) {
    const bytes = readFileSync(pack);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    chmodSync(pack, 0o600);
    writeFileSync(pack, bytes);
  }
}

test("what fails is an alert in both browsers at once, and one of them takes it off the other's rail", async () => {
  const database = await here.api.database("sqlite", "fragile");
  await here.api.query(database, "CREATE TABLE t (a integer)");
  const snapshot = await here.api.snapshot(database);
  const [one, two] = await Promise.all([0, 1].map(() => signedIn(here.browser, here.server, here.api)));
  if (!one || !two) throw new Error("no browsers");
  for (const { page } of [one, two]) {
    await page.goto(`${here.server.url}/alerts`);
    await page.getByRole("img", { name: /^Live/ }).waitFor();
    expect(await page.getByText("1 critical alert").count()).toBe(0);
  }
  damage(here.server.root);
  const { run } = await here.api.post(`/snapshots/${snapshot.id}/verify`);
  await here.api.ended(run).catch(() => null);
  for (const { page } of [one, two]) {
    await page.getByText("Verification failed").first().waitFor();
    await page.getByText("1 critical alert").waitFor({ state: "attached" });
  }
  await one.page.getByRole("button", { name: "Verification failed" }).click();
  await one.page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
  await two.page.getByText("Someone is at it").waitFor();
  await two.page.getByText("1 critical alert").waitFor({ state: "detached" });
  await one.page.getByRole("dialog").getByRole("link", { name: run.id }).click();
  await one.page.getByText("Why it failed").waitFor();
  await one.page.getByRole("button", { name: "Run again" }).click();
  await one.page.waitForURL((url) => url.pathname.startsWith("/runs/") && !url.pathname.endsWith(run.id));
  expect([...one.errors, ...two.errors]).toEqual([]);
  await Promise.all([one.context.close(), two.context.close()]);
});

test("a rename is told with its before and after, and the log is found sound", async () => {
  const environment = await here.api.environment();
  const path = `/projects/${environment.project_id}/plans`;
  const plan = await here.api.post(path, { name: "nightly-before", selection: { all: true } });
  await here.api.call("PATCH", `/plans/${plan.id}`, { name: MARKUP, confirm: plan.name }, plan.version);
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/activity?tab=audit&action=plan`);
  await page.getByRole("button", { name: "plan.update" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByText("nightly-before").waitFor();
  await sheet.getByText(MARKUP).first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.getByText(/^Sound: all \d+ rows are as they were written/).waitFor();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await ranNothing(page);
  expect(errors).toEqual([]);
  await context.close();
});

test("an error and a log with markup in them are text, and the log can be narrowed", async () => {
  const database = await here.api.database("sqlite", "marked");
  const up = `CREATE TABLE entries (id integer)`;
  await here.api.post(`/databases/${database.id}/migrations`, { name: MARKUP, up });
  await here.api.post(`/databases/${database.id}/migrations`, {
    name: "bad",
    up: `SELECT '${MARKUP}' FROM "${MARKUP}"`,
  });
  const { run } = await here.api.post(`/databases/${database.id}/migrations/apply`, { snapshot: false });
  await here.api.ended(run).catch(() => null);
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/runs/${run.id}`);
  await page.getByText("Why it failed").waitFor();
  const log = page.getByRole("log");
  await log.getByText(MARKUP).first().waitFor();
  expect(await page.getByRole("button", { name: "Run again" }).count()).toBe(0); // migrations are begun where they are seen
  await page.getByText("Errors", { exact: true }).click();
  await page.getByText("Nothing that grave was written.").waitFor();
  await page.goto(`${here.server.url}/activity`);
  await page.getByText(MARKUP).first().waitFor(); // the error, in the list
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "Failed this week" }).click();
  await page.waitForURL(/state=failed&when=7d|when=7d&state=failed/);
  await ranNothing(page);
  expect(errors).toEqual([]);
  await context.close();
});

test("a viewer sees alerts and runs, and no button that could never work", async () => {
  await failedRun(here.api, "watched");
  const alert: Json = await first(here.api, "/alerts?type=run_failed");
  const { link } = await here.api.post("/invites", { email: "viewer@example.org", role: "viewer" });
  const viewer = new Api(here.server);
  const token = String(link).split("#invite=")[1];
  await viewer.post("/invites/accept", { token, name: "Viewer", password: "correct horse battery staple" });
  const { page, errors, context } = await signedIn(here.browser, here.server, viewer);
  await page.goto(`${here.server.url}/alerts?alert=${alert.id}`);
  await page.getByRole("dialog").getByText("Warning", { exact: true }).waitFor();
  for (const name of ["Acknowledge", "Resolve", "Mute"])
    expect(await page.getByRole("button", { name }).count()).toBe(0);
  await page.goto(`${here.server.url}/settings/alert-channels`);
  await page.getByRole("heading", { name: "Alert channels" }).waitFor();
  await page.getByText("Webhook").first().waitFor();
  expect(await page.getByRole("button", { name: "New channel" }).count()).toBe(0);
  await page.goto(`${here.server.url}/activity`);
  await page.getByText("Apply migrations").first().waitFor();
  expect(await page.getByRole("checkbox").count()).toBe(0);
  expect(await page.getByRole("tab", { name: "Audit" }).count()).toBe(0);
  await page.getByRole("tab", { name: "Feed" }).click();
  await page.getByText("You see what you did yourself.", { exact: false }).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});
