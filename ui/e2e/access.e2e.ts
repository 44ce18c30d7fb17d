// Who is let in, as what, and how that ends: people, roles, keys, identity providers, as a person does it.
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import type { Json } from "./kit/api";
import { house, signedIn, tab } from "./kit/browser";
import { axe, keyboardOnly, tabTo } from "./kit/checks";

const here = house();
const MARKUP = "<img src=x onerror=globalThis.ran=1>";

/** What a dialog shows once. */
async function shownOnce(page: Page): Promise<string> {
  return (await page.getByRole("dialog").locator("code").first().textContent()) ?? "";
}

async function noMarkupRan(page: Page): Promise<void> {
  expect(await page.evaluate(() => (globalThis as { ran?: number }).ran ?? null)).toBe(null);
  expect(await page.locator("img[src=x]").count()).toBe(0);
}

test("somebody is invited, comes, is given a role, and sees what it allows and no more", async () => {
  const shop = await here.api.database("sqlite", "shop");
  const owner = await signedIn(here.browser, here.server, here.api);
  await owner.page.goto(`${here.server.url}/settings/people`);
  await owner.page.getByRole("button", { name: "Invite" }).first().click();
  await owner.page.getByRole("dialog").getByLabel("E-mail").fill("new@example.org");
  expect(await axe(owner.page, { within: "[role=dialog]" })).toEqual([]);
  await owner.page.getByRole("button", { name: "Make the link" }).click();
  await owner.page.getByText("Invitation for new@example.org").waitFor();
  const link = await shownOnce(owner.page);
  await owner.page.getByRole("button", { name: "Done" }).click();
  await owner.page.getByRole("tab", { name: "Invites" }).click();
  await owner.page.getByRole("row").filter({ hasText: "new@example.org" }).waitFor();

  const guest = await tab(here.browser);
  const refused: string[] = [];
  guest.page.on("response", (answer) => {
    if (answer.status() === 403) refused.push(answer.url());
  });
  await guest.page.goto(link);
  await guest.page.getByLabel("Name", { exact: true }).fill(MARKUP);
  await guest.page.getByLabel("New password").fill("correct horse battery staple");
  await guest.page.getByRole("button", { name: "Make my account" }).click();
  await guest.page.getByRole("navigation", { name: "Sections" }).waitFor();
  expect(await guest.page.getByRole("link", { name: "Databases", exact: true }).count()).toBe(0); // `member` is nothing

  await owner.page.getByRole("tab", { name: "People" }).click();
  await owner.page.getByRole("row").filter({ hasText: MARKUP }).getByRole("link").click();
  await owner.page.getByRole("heading", { name: MARKUP }).waitFor();
  await noMarkupRan(owner.page);
  await owner.page.getByRole("button", { name: "Give role" }).click();
  const give = owner.page.getByRole("dialog");
  await give.getByLabel("Role", { exact: true }).selectOption("viewer");
  await give.getByLabel("Where").selectOption({ label: "default" });
  await give.getByRole("button", { name: "Give role" }).click();
  await owner.page.getByRole("button", { name: "Take back" }).waitFor();

  await guest.page.reload();
  await guest.page.getByRole("link", { name: "Databases", exact: true }).click();
  await guest.page.getByRole("row").filter({ hasText: "shop" }).waitFor();
  for (const verb of ["New database", "Delete", "Start", "Stop", "Take snapshot", "Settings"])
    expect(await guest.page.getByRole("button", { name: verb, exact: true }).count(), verb).toBe(0);
  for (const path of [`/databases/${shop.id}`, "/snapshots", "/plans", "/repositories", "/activity"]) {
    await guest.page.goto(here.server.url + path);
    await guest.page.getByRole("main").waitFor();
    await guest.page.waitForTimeout(500);
    expect(await guest.page.getByRole("alert").filter({ hasText: /\S/ }).count(), path).toBe(0);
    const verbs = guest.page.getByRole("main").getByRole("button").filter({ visible: true });
    for (let at = 0; at < Math.min(await verbs.count(), 12); at++) {
      await verbs.nth(at).click();
      await guest.page.waitForTimeout(150);
      await guest.page.keyboard.press("Escape");
      await guest.page.keyboard.press("Escape");
    }
  }
  await guest.page.goto(`${here.server.url}/settings/account`);
  await guest.page.getByText("What you may do").waitFor();
  await guest.page.getByText("viewer", { exact: true }).waitFor();
  for (const hidden of ["People", "Roles", "API keys", "Sign-in"])
    expect(await guest.page.getByRole("link", { name: hidden, exact: true }).count(), hidden).toBe(0);
  await guest.page.getByLabel("Name").fill("Nia");
  await guest.page.getByRole("button", { name: "Save" }).click();
  await guest.page.getByText("Saved").waitFor();
  expect(refused).toEqual([]); // whatever is shown works

  await owner.page.getByRole("heading", { name: "Nia" }).waitFor(); // told by the line
  await owner.page.getByRole("button", { name: "Take back" }).click();
  await owner.page.getByRole("dialog").getByRole("button", { name: "Take back" }).click();
  await owner.page.getByText("No roles given in places").waitFor();
  expect([...owner.errors, ...guest.errors]).toEqual([]);
  await Promise.all([owner.context.close(), guest.context.close()]);
}, 180_000);

test("an account is disabled, reset and deleted by its e-mail", async () => {
  const { link } = await here.api.post("/invites", { email: "leaver@example.org" });
  const token = String(link).split("#invite=")[1];
  const leaver: Json = await here.api.stranger("/invites/accept", {
    token,
    name: "Leaver",
    password: "correct horse battery staple",
  });
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/people/${leaver.id}`);
  const more = async (verb: string) => {
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: verb }).click();
  };
  await more("Disable");
  await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
  await page.getByText("Disabled", { exact: true }).waitFor();
  await more("Enable");
  await page.getByRole("dialog").getByRole("button", { name: "Enable" }).click();
  await page.getByText("Active", { exact: true }).waitFor();
  await more("Reset account");
  await page.getByRole("dialog").getByRole("button", { name: "Reset account" }).click();
  await page.getByText("Link to a new password").waitFor();
  expect(await shownOnce(page)).toContain("#reset=");
  await page.getByRole("button", { name: "Done" }).click();
  await more("Delete account");
  const ask = page.getByRole("dialog");
  expect(await ask.getByRole("button", { name: "Delete account" }).isDisabled()).toBe(true);
  await ask.getByLabel(/^Type leaver@example.org/).fill("leaver@example.org");
  await ask.getByRole("button", { name: "Delete account" }).click();
  await page.getByRole("grid", { name: "People" }).waitFor();
  expect(await page.getByText("leaver@example.org").count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});

test("a role is made and its matrix edited by the keyboard alone", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/roles`);
  await page.getByRole("table").waitFor();
  keyboardOnly(page);
  await page.keyboard.press("Shift+N");
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).waitFor();
  await page.keyboard.type("night-watch");
  await page.keyboard.press("Tab");
  await page.keyboard.type(MARKUP);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "night-watch" }).waitFor();
  await page.getByText(MARKUP).waitFor();
  await noMarkupRan(page);

  await page.goto(`${here.server.url}/settings/roles`);
  const role = async () => (await here.api.get("/roles")).items.find((each: Json) => each.name === "night-watch");
  await page.getByRole("checkbox", { name: "night-watch: database.create" }).waitFor();
  await tabTo(page, "night-watch: database.create");
  for (const key of ["ArrowDown", "ArrowDown", "Space", "ArrowDown", "Space"]) await page.keyboard.press(key);
  await page.getByText("2 changes not saved").waitFor();
  await tabTo(page, "Save changes");
  await page.keyboard.press("Enter");
  await page.getByText("It counts at once.").waitFor();
  expect((await role()).permissions).toEqual(["database.read", "database.update"]);
  expect(errors).toEqual([]);
  await context.close();
});

test("a role that somebody holds asks again before it is taken from them", async () => {
  const made = await here.api.post("/roles", { name: "held-role", permissions: ["run.read"] });
  await here.api.post("/grants", { role: "held-role", email: "owner@example.org" });
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/roles/${made.id}`);
  await page.getByText("Whole installation").waitFor();
  await page.getByRole("button", { name: "Delete role" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete role" }).click();
  await page.getByText("Held by: 1 grant.").waitFor();
  await page
    .getByRole("dialog")
    .getByLabel(/^Type held-role/)
    .fill("held-role");
  await page.getByRole("button", { name: "Delete and take it from all" }).click();
  await page.getByRole("table").waitFor();
  expect((await here.api.get("/roles")).items.map((each: Json) => each.name)).not.toContain("held-role");
  expect(errors).toEqual([]);
  await context.close();
});

test("a key is made, works, is given a new secret, and is refused once revoked", async () => {
  const asKey = async (secret: string) =>
    (await fetch(`${here.server.url}/api/v1/databases`, { headers: { authorization: `Bearer ${secret}` } })).status;
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/keys`);
  await page.getByRole("button", { name: "New key" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill("pipeline");
  await sheet.getByRole("option", { name: "90 days" }).waitFor({ state: "attached" });
  await sheet.getByLabel("What it may do").selectOption({ label: "Chosen permissions" });
  await sheet.getByLabel("Find a permission").fill("database.read");
  await sheet.getByRole("checkbox", { name: /^database.read/ }).check();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Create key" }).click();
  await page.getByText("Key pipeline").waitFor();
  const first = await shownOnce(page);
  expect(await asKey(first)).toBe(200);
  await page.getByRole("button", { name: "Done" }).click();

  await page.getByRole("link", { name: "pipeline" }).click();
  await page.getByRole("button", { name: "Rotate" }).click();
  await page.getByLabel("The earlier secret works for").selectOption({ label: "Not at all" });
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  await page.getByText("Key pipeline").waitFor();
  const second = await shownOnce(page);
  expect([await asKey(first), await asKey(second)]).toEqual([401, 200]);
  await page.getByRole("button", { name: "Done" }).click();

  await page.getByRole("button", { name: "Revoke" }).click();
  await page
    .getByRole("dialog")
    .getByLabel(/^Type pipeline/)
    .fill("pipeline");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("Revoked", { exact: true }).waitFor();
  expect(await asKey(second)).toBe(401);
  expect(await page.getByRole("button", { name: "Rotate" }).count()).toBe(0);
  await page.goto(`${here.server.url}/settings/keys`);
  await page.getByText("No keys").or(page.getByRole("grid")).first().waitFor();
  expect(await page.getByRole("link", { name: "pipeline" }).count()).toBe(0);
  await page.goto(`${here.server.url}/settings/keys?show=ended`);
  await page.getByRole("link", { name: "pipeline" }).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("an identity provider is added with its groups, says what is wrong with it, and is removed", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/sign-in`);
  await page.getByRole("button", { name: "New provider" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill(MARKUP);
  await sheet.getByLabel("Issuer").fill("https://id.invalid");
  await sheet.getByLabel("Client ID").fill("holdfast");
  await sheet.getByRole("button", { name: "Add a group" }).click();
  await sheet.getByLabel("Group", { exact: true }).fill("developers");
  await sheet.getByLabel("Role", { exact: true }).selectOption("developer");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Add provider" }).click();
  await page.getByRole("heading", { name: MARKUP }).waitFor();
  await page.getByText("developers", { exact: true }).waitFor();
  await noMarkupRan(page);
  await page.getByRole("button", { name: "Test" }).click();
  await page.getByText("It does not work").waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Remove provider" }).click();
  await page.getByRole("dialog").getByRole("textbox").fill(MARKUP);
  await page.getByRole("dialog").getByRole("button", { name: "Remove provider" }).click();
  await page.getByText("No identity providers").waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("who must have a second factor is said by role", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/sign-in?tab=factor`);
  await page.getByText("Those with some roles").click();
  await page.getByRole("checkbox", { name: "developer" }).check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved. It counts at once.").waitFor();
  expect(await here.api.get("/system/second-factor")).toEqual({ everyone: false, roles: ["developer"] });
  await page.getByText("Nobody", { exact: true }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect.poll(async () => (await here.api.get("/system/second-factor")).roles, { timeout: 5000 }).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});
