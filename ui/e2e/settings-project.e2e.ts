// What projects are ruled by, done as a person does it: environments, secrets, tags, retention, masking.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Api } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe, keyboardOnly, tabTo } from "./kit/checks";
import { OWNER } from "./kit/server";

const here = house();
const MARKUP = "<img src=x onerror=globalThis.ran=1>";

/** As if the newest session's password had been typed long ago: signing in counts for ten minutes. */
function longAgo(): void {
  const [python, database] = [process.env.HOLDFAST_PYTHON ?? "", join(here.server.root, "data", "meta", "holdfast.db")];
  const said =
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA busy_timeout = 5000'); " +
    "c.execute('UPDATE sessions SET stepped_up_at = NULL WHERE id = (SELECT id FROM sessions ORDER BY created_at DESC LIMIT 1)'); c.commit()";
  execFileSync(python, ["-c", said, database]);
}

test("an environment is made by keys alone, and its colour is on the line and in the switcher", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  keyboardOnly(page);
  await page.goto(`${here.server.url}/settings/projects`);
  await page.getByText("development", { exact: true }).waitFor();
  await page.keyboard.press("Shift+N");
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).waitFor();
  await page.keyboard.type("live-eu");
  await tabTo(page, "Kind");
  await page.keyboard.type("Production");
  await tabTo(page, /^(Red|Green)$/);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await sheet.waitFor({ state: "detached" });
  const line = page.locator("[data-environment=production]");
  await line.waitFor();
  expect(new URL(page.url()).searchParams.get("env")).toBe("live-eu");
  const environment = await here.api.environment();
  const all = (await here.api.get(`/projects/${environment.project_id}/environments`)).items;
  const made = all.find((each: { name: string }) => each.name === "live-eu");
  expect(made.kind).toBe("production");
  expect(made.colour).toBe("blue"); // one to the right of production's own red
  expect(await line.getAttribute("class")).toContain("bg-info");
  await page
    .getByRole("button", { name: /live-eu/ })
    .first()
    .waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("an environment is renamed where one stands, guarded, and refuses to go while something lives in it", async () => {
  const database = await here.api.database("sqlite", "lodger");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/projects?env=staging`);
  await page.getByRole("button", { name: "Edit staging" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("rehearsal");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.waitForURL(/env=rehearsal/);
  await page.getByRole("button", { name: /default\s*\/\s*rehearsal/ }).waitFor();

  await page.getByRole("button", { name: "Edit production" }).click();
  await page
    .getByRole("dialog")
    .getByLabel(/Restores into it may run/)
    .check();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText(/Restores allowed/).waitFor();

  await page.getByRole("button", { name: "Delete development" }).click();
  const asks = page.getByRole("dialog");
  expect(await asks.getByRole("button", { name: "Delete environment" }).isDisabled()).toBe(true);
  await asks.getByRole("textbox").fill("development");
  await asks.getByRole("button", { name: "Delete environment" }).click();
  await asks.getByRole("alert").waitFor(); // a database lives there
  expect((await here.api.get(`/databases/${database.id}`)).name).toBe("lodger");
  expect(errors).toEqual([]);
  await context.close();
});

test("a secret is stored, revealed after the password, replaced, and its first value comes back", async () => {
  const fresh = new Api(here.server);
  await fresh.post("/session", OWNER);
  longAgo();
  const { page, errors, context } = await signedIn(here.browser, here.server, fresh);
  const urls: string[] = [];
  page.on("request", (request) => urls.push(request.url()));
  await page.goto(`${here.server.url}/settings/secrets?env=production`);
  await page.getByRole("button", { name: "New secret" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill("SMTP_PASSWORD");
  await sheet.getByLabel("Value").fill(`first ${MARKUP}`);
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Store secret" }).click();
  await page.getByRole("button", { name: "SMTP_PASSWORD" }).click();

  await sheet.getByRole("button", { name: "Reveal: Version 1" }).click();
  const password = page.getByLabel("Password", { exact: true });
  await password.fill(OWNER.password);
  await password.press("Enter");
  await page.getByText(`first ${MARKUP}`, { exact: true }).waitFor();
  expect(await page.evaluate(() => "ran" in globalThis)).toBe(false);

  await sheet.getByRole("button", { name: "Replace value" }).click();
  const over = page.getByRole("dialog").last();
  await over.getByLabel("Value").fill("second value");
  await over.getByRole("button", { name: "Replace value" }).click();
  await sheet.getByText("Version 2", { exact: true }).waitFor();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Restore: Version 1" }).click();
  await sheet.getByText("From version 1").waitFor();
  await sheet.getByRole("button", { name: "Reveal: Version 3" }).click();
  await page.getByText(`first ${MARKUP}`, { exact: true }).last().waitFor();
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "SMTP_PASSWORD" }).click();
  expect(await page.getByText("onerror").count()).toBe(0); // what was revealed is gone with the sheet
  await sheet.getByRole("button", { name: "Delete secret" }).click();
  const sure = page.getByRole("dialog").last();
  await sure.getByRole("textbox").fill("SMTP_PASSWORD");
  await sure.getByRole("button", { name: "Delete secret" }).click();
  await page.getByText("No secrets in production yet").waitFor();
  await page.goto(`${here.server.url}/settings/secrets?env=production&deleted=true`);
  await page.getByRole("button", { name: "SMTP_PASSWORD" }).click();
  await sheet.getByRole("button", { name: "Restore", exact: true }).click();
  await page.getByText("Version 3 is the newest again").waitFor();
  await page.goto(`${here.server.url}/settings/secrets?env=production`);
  await page.getByText("Version 4", { exact: true }).waitFor();
  expect(urls.filter((url) => /second|first|correct/.test(decodeURIComponent(url)))).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});

test("a rule is looked at, applied and taken back; a tag has a colour", async () => {
  await here.api.snapshot(await here.api.database("sqlite", "shop-eu"));
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/tags`);
  await page.getByRole("button", { name: "New rule" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name of the rule").fill("shops");
  await sheet.getByLabel("Tags it adds").fill("shop, <b>bold</b>");
  await sheet.getByLabel("Database's name").fill("shop-*");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Save" }).click();
  await page.getByText("named shop-*").waitFor();
  await page.getByText("<b>bold</b>", { exact: true }).waitFor();

  await page.getByRole("button", { name: "Preview shops" }).click();
  await sheet.getByText(/^1 snapshot would be tagged/).waitFor();
  expect((await here.api.get("/snapshots")).items[0].tags).toEqual([]);
  await sheet.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("button", { name: "More for shops" }).click();
  await page.getByRole("menuitem", { name: "Apply to existing" }).click();
  await sheet.getByText(/^1 snapshot would be tagged/).waitFor();
  await sheet.getByRole("button", { name: "Apply to existing" }).click();
  await page.getByText("1 snapshot tagged").waitFor();
  expect((await here.api.get("/snapshots")).items[0].tags.sort()).toEqual(["<b>bold</b>", "shop"]);

  await page.getByRole("button", { name: "More for shops" }).click();
  await page.getByRole("menuitem", { name: "Remove rule" }).click();
  await page.getByText("No rules yet").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("named shop-*").waitFor();

  await page.getByRole("button", { name: "Colour a tag" }).click();
  await sheet.getByLabel("Tag", { exact: true }).fill("shop");
  await sheet.getByText("Blue", { exact: true }).click();
  await sheet.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Edit shop" }).waitFor();
  expect((await here.api.get("/snapshots")).items[0].tag_colours).toEqual({ shop: "blue" });
  expect(errors).toEqual([]);
  await context.close();
});

test("retention is said in words, set for one environment, and inherited again", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/retention?env=production`);
  await page.getByText("As shipped").first().waitFor();
  await page.getByRole("button", { name: /Edit policy: Environment/ }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Daily").fill("30");
  await sheet.getByLabel("Weekly").fill("");
  await sheet.getByText("The newest of each of the last 30 days").waitFor();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Save" }).click();
  await sheet.waitFor({ state: "detached" });
  await page.getByText("The newest of each of the last 30 days").waitFor();
  await page.getByRole("button", { name: "Inherit again" }).click();
  await page.getByText("The newest of each of the last 30 days").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("The newest of each of the last 30 days").waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("a masking profile is written column by column, kept and deleted by its name; files may leave encrypted only", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/masking`);
  await page.getByRole("button", { name: "New profile" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill(MARKUP);
  await sheet.getByLabel("Table").fill("customers");
  await sheet.getByLabel("Column", { exact: true }).fill("email");
  await sheet.getByRole("button", { name: "Add its statement" }).click();
  expect(await sheet.getByLabel("Statement 1", { exact: true }).inputValue()).toBe(
    'UPDATE "customers" SET "email" = NULL',
  );
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Create profile" }).click();
  await page.getByRole("button", { name: MARKUP }).click();
  expect(await page.evaluate(() => "ran" in globalThis)).toBe(false);
  await sheet.getByRole("button", { name: "Delete profile" }).click();
  const sure = page.getByRole("dialog").last();
  await sure.getByRole("textbox").fill(MARKUP);
  await sure.getByRole("button", { name: "Delete profile" }).click();
  await page.getByText("Copies without personal data").waitFor();

  await page.goto(`${here.server.url}/settings/files`);
  await page.getByText("Never", { exact: true }).first().click();
  await page.getByText("Plain text: Never").waitFor();
  const { project_id } = await here.api.environment();
  expect(await here.api.get(`/projects/${project_id}/file-policy`)).toEqual({ encryption: "required" });
  expect(errors).toEqual([]);
  await context.close();
});

test("names that are markup are text, and another tenant's member sees nothing of the project", async () => {
  await here.api.post("/projects", { name: MARKUP, description: "<b>ours</b>" });
  const theirs = await here.api.post("/projects", { name: "theirs" });
  const invited = await here.api.post("/invites", {
    email: "member@example.org",
    grants: [{ project_id: theirs.id, role: "admin" }],
  });
  const member = new Api(here.server);
  const token = invited.link.split("=").at(-1);
  await member.post("/invites/accept", { token, password: "another long password" });

  const mine = await signedIn(here.browser, here.server, here.api);
  await mine.page.goto(`${here.server.url}/settings/projects?project=${encodeURIComponent(MARKUP)}`);
  await mine.page.getByRole("heading", { name: MARKUP }).waitFor();
  await mine.page.getByText("<b>ours</b>").first().waitFor();
  expect(await mine.page.evaluate(() => "ran" in globalThis)).toBe(false);
  await mine.context.close();

  const { page, errors, context } = await signedIn(here.browser, here.server, member);
  await page.goto(`${here.server.url}/settings/projects`);
  await page.getByRole("heading", { name: "theirs" }).waitFor();
  for (const name of ["default", MARKUP]) expect(await page.getByText(name, { exact: true }).count()).toBe(0);
  const sections = page.getByRole("navigation", { name: "Settings" });
  for (const name of ["Health", "Recovery", "Keys and links"])
    expect(await sections.getByText(name, { exact: true }).count()).toBe(0);
  await page.goto(`${here.server.url}/settings/recovery`);
  await page.getByText("There is no such page").waitFor();
  await page.goto(`${here.server.url}/settings/secrets?project=default&env=production`);
  await page.getByText(/No secrets in .* yet/).waitFor();
  expect(await page.getByText("SMTP_PASSWORD").count()).toBe(0);
  await page.goto(`${here.server.url}/settings/limits`);
  await page.getByText("50,000 in 1 h").waitFor();
  expect(await page.getByRole("button", { name: "Set a limit" }).count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});
