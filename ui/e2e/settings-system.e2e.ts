// What the installation is ruled by: limits at work, the recovery kit, the catalogue's snapshots, health, metrics.
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { Api } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";

const here = house();

test("a limit is lowered, what it refuses is said well, and taking it away lets calls through again", async () => {
  const database = await here.api.database("sqlite", "limited");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/limits`);
  await page.getByText("Nothing was set").waitFor();
  await page.getByRole("button", { name: "Set a limit" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Which").selectOption({ label: "default" });
  await sheet.getByLabel("Limit on").selectOption({ label: "Snapshots" });
  await sheet.getByLabel("At most", { exact: true }).fill("0");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "Set limit" }).click();
  await page.getByText(/^0 in 24 h/).waitFor();
  await page.getByText("0 of 0").waitFor();

  await page.goto(`${here.server.url}/databases/${database.id}`);
  await page
    .getByRole("button", { name: /snapshot/i })
    .first()
    .click();
  await page.getByText("The limit of 0 backups in a day for this project is reached").waitFor();
  expect(await page.getByText(/reset_at/).count()).toBe(0); // a moment is said, no field's name
  await page.goto(`${here.server.url}/settings/limits`);
  await page.getByRole("button", { name: "Remove: default, Snapshots" }).click();
  await page.getByText("Nothing was set").waitFor();
  await here.api.snapshot(database); // goes through
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText(/^0 in 24 h/).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("the default of a kind is changed from its own place in the table", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/limits`);
  await page.getByRole("button", { name: "API keys, Downloads: 20 in 1 h" }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("At most", { exact: true }).fill("7");
  await sheet.getByRole("button", { name: "Set limit" }).click();
  await page.getByRole("button", { name: "API keys, Downloads: 7 in 1 h" }).waitFor();
  const [set] = (await here.api.get("/limits")).items.filter((each: { what: string }) => each.what === "downloads");
  expect(set).toMatchObject({ subject: "key", subject_id: null, amount: 7, window_seconds: 3600 });
  expect(errors).toEqual([]);
  await context.close();
});

test("too many calls are refused in words, and the page goes on where it was when they are allowed again", async () => {
  const invited = await here.api.post("/invites", { email: "busy@example.org", role: "admin" });
  const busy = new Api(here.server);
  const token = invited.link.split("=").at(-1);
  const who = await busy.post("/invites/accept", { token, password: "another long password" });
  const { page, context } = await signedIn(here.browser, here.server, busy);
  await page.goto(`${here.server.url}/settings/limits`);
  await page.getByText("Used and left").waitFor();
  await page.getByRole("button", { name: "API keys, Calls: 1,000 in 1 h" }).waitFor();
  const body = { subject: "user", subject_id: who.id, what: "calls", amount: 0, window_seconds: 60 };
  const limit = await here.api.call("PUT", "/limits", body);
  await page.getByRole("link", { name: "Tags and rules" }).click();
  await page.getByText("The limit of 0 calls in a minute for this user is reached.").first().waitFor();
  await here.api.call("DELETE", `/limits/${limit.id}`);
  await page.getByRole("button", { name: "Try again" }).first().click();
  await page.getByText("No rules yet").waitFor();
  await context.close();
});

test("the kit is made and downloaded once, and the page knows of it", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api, { acceptDownloads: true });
  await page.goto(`${here.server.url}/settings/recovery`);
  await page.getByText("No recovery kit was made yet.").waitFor();
  await page.getByRole("button", { name: "Make a kit" }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Passphrase", { exact: true }).last().fill("correct horse battery staple");
  await sheet.getByLabel("Once more").fill("something else");
  await sheet.getByRole("button", { name: "Make and download" }).click();
  await sheet.getByText("The two passphrases differ.").first().waitFor();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByLabel("Once more").fill("correct horse battery staple");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    sheet.getByRole("button", { name: "Make and download" }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^holdfast-recovery-kit-\d{4}-\d\d-\d\d\.age$/);
  expect(await readFile(await download.path(), "utf8")).toContain("BEGIN AGE ENCRYPTED FILE");
  await page.getByText("No recovery kit was made yet.").waitFor({ state: "detached" });
  expect((await here.api.get("/system/recovery-kit")).ok).toBe(true);

  await page.getByRole("button", { name: "Take one now" }).click();
  await page.getByText("Done", { exact: true }).first().waitFor({ timeout: 60_000 });
  await page.getByText(/lie on this server's own disk/).waitFor(); // what is still lacking is not hidden
  expect(errors).toEqual([]);
  await context.close();
});

test("the master key is rotated in place, and the kit made before is stale", async () => {
  const before = await here.api.get("/system/master-key");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/keys-and-links`);
  await page.getByText(before.id).waitFor();
  await page.getByRole("button", { name: "Rotate master key" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate master key" }).click();
  await page.getByText(/keys wrapped anew/).waitFor({ timeout: 60_000 });
  await page.getByText(before.id).waitFor({ state: "detached" });
  expect((await here.api.get("/system/recovery-kit")).ok).toBe(false);
  await page.getByRole("button", { name: /Life of download links/ }).click();
  await page.getByRole("dialog").getByLabel("Usually").fill("2");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("Signed links live 2 h, at most 7 days.").waitFor();
  expect(await here.api.get("/download-life")).toEqual({ default_seconds: 7200, most_seconds: 604_800 });
  expect(errors).toEqual([]);
  await context.close();
});

test("health says what each part says, metrics are drawn, engines come from the server", async () => {
  await here.api.database("sqlite", "measured");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings/health`);
  await page.getByText("Every part answers.").waitFor();
  await page.getByText(/GB free/).waitFor();
  await page.getByText("This one", { exact: true }).waitFor();
  expect(await page.getByRole("button", { name: "Remove node" }).count()).toBe(0); // of one that is alive
  await page.goto(`${here.server.url}/settings/metrics`);
  await page.getByRole("figure", { name: "Size of databases" }).locator("svg path").first().waitFor();
  await page.getByText(`${here.server.url}/metrics`).waitFor();
  await page.goto(`${here.server.url}/settings/engines`);
  for (const { title } of (await here.api.get("/engines")).items)
    await page.getByRole("heading", { name: title }).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});
