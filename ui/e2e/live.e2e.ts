// What moves by itself: another's changes, a server that comes back, a session that ends in the middle of an edit.
import { expect, test } from "vitest";
import { Api } from "./kit/api";
import { house, signedIn, tab } from "./kit/browser";
import { OWNER, Server } from "./kit/server";

const here = house();
const LIVE = "Live: this page moves by itself";

test("two browsers see each other's work without asking for it", async () => {
  const one = await signedIn(here.browser, here.server, here.api);
  const two = await signedIn(here.browser, here.server, here.api);
  for (const { page } of [one, two]) {
    await page.goto(`${here.server.url}/databases`);
    await page.getByRole("img", { name: LIVE }).waitFor();
  }
  await one.page.getByRole("button", { name: "New database" }).first().click();
  await one.page.getByRole("dialog").getByText("SQLite", { exact: true }).click();
  await one.page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("seen-by-both");
  await one.page.getByRole("button", { name: "Create database" }).click();
  await two.page.getByText("seen-by-both").waitFor();
  await two.page.getByText("Ready", { exact: true }).first().waitFor();
  await Promise.all([one.context.close(), two.context.close()]);
});

test("whoever looks at the same page is seen there, and is gone when they leave", { timeout: 180_000 }, async () => {
  const other = await Api.person(here.server, here.api, "wira@example.org", "viewer");
  const one = await signedIn(here.browser, here.server, here.api);
  const two = await signedIn(here.browser, here.server, other);
  await one.page.goto(`${here.server.url}/databases`);
  await two.page.goto(`${here.server.url}/databases`);
  const seen = one.page.getByRole("img", { name: /^wira.* is here too$/ });
  await seen.waitFor();
  await two.page.goto(`${here.server.url}/plans`);
  await seen.waitFor({ state: "hidden" });
  await Promise.all([one.context.close(), two.context.close()]);
});

test("names that are markup are text everywhere", async () => {
  const name = "<img src=x onerror=globalThis.ran=1>";
  const environment = await here.api.environment();
  const label = { owner: "<b>bold</b>" };
  const made = await here.api.post("/databases", {
    environment_id: environment.id,
    engine: "sqlite",
    name,
    labels: label,
    notes: "<script>globalThis.ran=2</script>",
  });
  await here.api.ended(made.run);
  await here.api.post(`/projects/${environment.project_id}/plans`, { name, selection: { all: true } });
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  for (const path of ["/databases", `/databases/${made.resource.id}`, "/plans", "/activity?tab=feed"]) {
    await page.goto(here.server.url + path);
    await page.getByText(name).first().waitFor();
  }
  expect(await page.evaluate(() => (globalThis as { ran?: number }).ran ?? null)).toBe(null);
  expect(await page.locator("img[src=x]").count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});

test("a session that ends in the middle of an edit loses nothing", async () => {
  const api = new Api(here.server);
  await api.post("/session", OWNER);
  const { page, context } = await signedIn(here.browser, here.server, api);
  await page.goto(`${here.server.url}/databases`);
  await page.getByRole("button", { name: "New database" }).first().click();
  const sheet = page.getByRole("dialog").first();
  await sheet.getByText("SQLite", { exact: true }).click();
  await sheet.getByLabel("Name", { exact: true }).fill("typed-before");
  await api.call("DELETE", "/session");
  await page.getByRole("button", { name: "Create database" }).click();
  const again = page.getByRole("dialog", { name: "Your session has ended" });
  await again.getByLabel("E-mail").fill(OWNER.email);
  await again.getByLabel("Password").fill(OWNER.password);
  await again.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "typed-before" }).waitFor();
  await context.close();
});

test("a server that goes away is said to be away, and what it says afterwards is shown", async () => {
  const server = await Server.start();
  try {
    const api = await Api.owner(server);
    const { page, context } = await tab(here.browser);
    await context.addCookies([{ ...api.session, url: server.url, httpOnly: true, sameSite: "Strict" }]);
    await page.goto(`${server.url}/databases`);
    await page.getByRole("img", { name: LIVE }).waitFor();
    await server.down();
    await page.getByText("The server does not answer", { exact: false }).waitFor();
    await server.up();
    await api.database("sqlite", "made-afterwards");
    await page.getByRole("img", { name: LIVE }).waitFor({ timeout: 60_000 });
    await page.getByText("made-afterwards").waitFor();
    expect(await page.getByText("The server does not answer", { exact: false }).count()).toBe(0);
    await context.close();
  } finally {
    await server.close();
  }
});

test("what is safe to do late waits by its name while the server is away, and is done once", {
  timeout: 240_000,
}, async () => {
  const server = await Server.start();
  try {
    const api = await Api.owner(server);
    const database = await api.database("sqlite", "later");
    const { page, context } = await tab(here.browser);
    await context.addCookies([{ ...api.session, url: server.url, httpOnly: true, sameSite: "Strict" }]);
    await page.goto(`${server.url}/databases/${database.id}`);
    await page.getByRole("button", { name: "Take snapshot" }).waitFor();
    await page.getByRole("img", { name: LIVE }).waitFor();
    await server.down();
    await page.getByText("The server does not answer", { exact: false }).waitFor();
    await page.getByRole("button", { name: "Take snapshot" }).click();
    await page.getByText("1 change waits: Take snapshot: later").waitFor();
    expect(await page.getByText("Started", { exact: true }).count()).toBe(0);
    await server.up();
    await page.getByText("Started", { exact: true }).waitFor({ timeout: 60_000 });
    expect((await api.get(`/snapshots?resource_id=${database.id}`)).items.length).toBe(1);
    await context.close();
  } finally {
    await server.close();
  }
});
