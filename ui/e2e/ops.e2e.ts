// A database's own life: its settings, logins, sessions, clones and end, as a person leads it in the dashboard.
import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import type { Json } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";

const here = house({ env: { HOLDFAST_OUTBOUND_ALLOW: "127.0.0.0/8" } });
const EVIL = `a"b'; -- <img src=x onerror=alert(1)>`;
const WIDE = `データベース-${"ж".repeat(22)}`; // 63 bytes

const CLIENT = "import sys, psycopg; psycopg.connect(sys.argv[1]).execute(sys.argv[2])";

/** A program of somebody's own that signs in and runs one statement: what it complained of, "" when it went well. */
function client(url: string, statement: string): Promise<string> {
  const child = spawn(process.env.HOLDFAST_PYTHON ?? "python", ["-c", CLIENT, url, statement], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (part) => {
    said += String(part);
  });
  return new Promise((resolve) => child.once("exit", (code) => resolve(code === 0 ? "" : said || "failed")));
}

async function open(path: string) {
  const tab = await signedIn(here.browser, here.server, here.api);
  await tab.page.goto(here.server.url + path);
  return { ...tab, dialog: tab.page.getByRole("dialog") };
}

test("a setting is changed and the engine has it; what needs a restart is asked for by name", async () => {
  const database = await here.api.database("postgresql", "tuned");
  const { page, dialog, errors, context } = await open(`/databases/${database.id}?tab=settings&part=engine`);
  await page.getByLabel("Find a parameter").fill("work_mem");
  const field = page.getByRole("textbox", { name: "work_mem", exact: true });
  await field.fill("8MB");
  await page.getByRole("button", { name: "Apply 1 change" }).click();
  await page.getByText("Saved", { exact: true }).waitFor();
  const asked = await here.api.query(database, "SHOW work_mem");
  expect(asked.rows[0][0]).toBe("8MB");

  await page.getByLabel("Shared buffers (MB)").fill("48");
  await page.getByRole("button", { name: "Resize", exact: true }).click();
  await dialog.getByLabel(/^Type tuned/).fill("tuned");
  await dialog.getByRole("button", { name: "Resize and restart" }).click();
  await dialog.waitFor({ state: "detached" });
  await expect
    .poll(async () => (await here.api.get(`/databases/${database.id}`)).spec.shared_buffers_mb, { timeout: 30_000 })
    .toBe(48);
  await expect
    .poll(async () => (await here.api.get(`/databases/${database.id}`)).state, { timeout: 30_000 })
    .toBe("ready");
  expect((await here.api.query(database, "SHOW shared_buffers")).rows[0][0]).toBe("48MB");
  expect(errors).toEqual([]);
  await context.close();
});

test("a login is made, shown once, used, and refused after it was revoked; its session is seen and ended", async () => {
  const database = await here.api.database("postgresql", "shared");
  const { page, dialog, errors, context } = await open(`/databases/${database.id}?tab=connections&part=logins`);
  await page.getByRole("button", { name: "New login" }).first().click();
  await dialog.getByLabel("Name").fill("reporting");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await dialog.getByRole("button", { name: "Create login" }).click();
  const url = (await dialog.locator("code").last().textContent()) ?? "";
  expect(url).toMatch(/^postgresql:\/\/reporting:/);
  await page.keyboard.press("Escape"); // what is shown once is not lost by a key
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  expect(await page.content()).not.toContain(url);

  expect(await client(url, "SELECT 1")).toBe("");
  const sleeping = client(url, "SELECT pg_sleep(60)");
  await expect
    .poll(async () => JSON.stringify((await here.api.get(`/databases/${database.id}/sessions`)).items), {
      timeout: 20_000,
    })
    .toContain("pg_sleep(?)");
  await page.getByRole("button", { name: "Sessions" }).click();
  const row = page.getByRole("row").filter({ hasText: "reporting" });
  await row.filter({ hasText: "pg_sleep" }).waitFor();
  await row.getByRole("checkbox").check();
  await page.getByRole("button", { name: "End session" }).click();
  await dialog.getByRole("button", { name: "End session" }).click();
  await page.getByText("Session ended").waitFor();
  expect(await sleeping).toMatch(/terminat|closed/i);
  await page.getByRole("row").filter({ hasText: "reporting" }).waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Logins" }).click();
  await page.getByRole("button", { name: "Actions for reporting" }).click();
  await page.getByRole("menuitem", { name: "Revoke" }).click();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await page.getByText("Revoked", { exact: true }).waitFor();
  expect(await client(url, "SELECT 1")).toMatch(/password|not permitted|login/i);
  expect(errors).toEqual([]);
  await context.close();
});

test("a clone has the rows, awkward names stay text, and a database is deleted by its name and brought back", async () => {
  const database = await here.api.database("sqlite", EVIL);
  await here.api.query(database, "CREATE TABLE t AS SELECT 7 AS seven");
  const { page, dialog, errors, context } = await open(`/databases/${database.id}`);
  await page.getByRole("heading", { name: EVIL, level: 1 }).waitFor();
  await page.getByRole("button", { name: "More" }).last().click();
  await page.getByRole("menuitem", { name: "Clone database" }).click();
  await dialog.getByLabel("Name").fill(WIDE);
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await dialog.getByRole("button", { name: "Clone", exact: true }).click();
  await page.getByRole("heading", { name: WIDE, level: 1 }).waitFor({ timeout: 60_000 });
  const clone = (await here.api.get("/databases")).items.find((each: Json) => each.name === WIDE);
  expect((await here.api.query(clone, "SELECT seven FROM t")).rows).toEqual([[7]]);
  await page.getByText("Where it comes from").click();
  await page.getByRole("link", { name: EVIL }).click();
  await page.getByRole("heading", { name: EVIL, level: 1 }).waitFor();

  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Danger zone" }).click();
  await page.getByRole("button", { name: "Delete database" }).click();
  const destroy = dialog.getByRole("button", { name: "Delete database" });
  await dialog.getByRole("textbox").fill("a");
  expect(await destroy.isDisabled()).toBe(true);
  await dialog.getByRole("textbox").fill(EVIL);
  await destroy.click();
  await page.getByRole("grid", { name: "Databases" }).waitFor();
  await expect.poll(async () => (await here.api.get(`/databases/${database.id}`)).state).toBe("deleted");
  await page.goto(`${here.server.url}/databases?deleted=yes`);
  await page.getByRole("link", { name: EVIL }).click();
  await page.getByRole("button", { name: "Bring back" }).click();
  await page.getByText("Ready", { exact: true }).waitFor({ timeout: 30_000 });
  expect((await here.api.query(database, "SELECT seven FROM t")).rows).toEqual([[7]]);
  expect(errors).toEqual([]);
  await context.close();
});

test("somebody else's PostgreSQL is tried, a wrong password is explained, and it is registered with its report", async () => {
  const other = await here.api.database("postgresql", "theirs");
  await here.api.query(other, "CREATE TABLE public_facts AS SELECT 1 AS one");
  const { url } = await here.api.post(`/databases/${other.id}/url`, { access: "rw" });
  const at = new URL(url);
  const { page, dialog, errors, context } = await open("/databases");
  await page.getByRole("button", { name: "New database" }).first().click();
  await dialog.getByText("Register an existing one").click();
  await dialog.getByText("PostgreSQL", { exact: true }).click();
  await dialog.getByLabel("Name", { exact: true }).fill("registered");
  await dialog.getByLabel("Host", { exact: true }).fill(at.hostname);
  await dialog.getByLabel("Port", { exact: true }).fill(at.port);
  await dialog.getByLabel("Database", { exact: true }).fill(decodeURIComponent(at.pathname.slice(1)));
  await dialog.getByLabel("User", { exact: true }).first().fill(decodeURIComponent(at.username));
  await dialog.getByLabel("Password", { exact: true }).first().fill("wrong");
  await dialog.getByText("TLS", { exact: true }).click();
  await dialog.getByLabel("Encryption").selectOption("disable");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await dialog.getByRole("button", { name: "Test" }).click();
  await dialog.getByRole("alert").waitFor();
  expect(await dialog.getByRole("alert").textContent()).toMatch(/password|login|sign/i);
  await dialog.getByLabel("Password", { exact: true }).first().fill(decodeURIComponent(at.password));
  await dialog.getByRole("button", { name: "Test" }).click();
  await dialog.getByText("Reached", { exact: true }).waitFor();
  await dialog.getByText("Read rows").waitFor();
  await dialog.getByRole("button", { name: "Register", exact: true }).click();
  await page.getByRole("heading", { name: "registered", level: 1 }).waitFor({ timeout: 30_000 });
  await page.getByRole("tab", { name: "Connections" }).click();
  await page.getByRole("button", { name: "Server" }).click();
  await page.getByText("Read rows").waitFor();
  expect(await page.content()).not.toContain(decodeURIComponent(at.password));
  expect(errors).toEqual([]);
  await context.close();
});

test("notes, colour and labels are kept, found in the list, and put on many at once", async () => {
  const one = await here.api.database("valkey", "labelled");
  const { page, dialog, errors, context } = await open(`/databases/${one.id}?tab=settings`);
  await page.getByLabel("Notes").fill("ask <b>Sari</b>");
  await page.getByRole("radio", { name: "Teal" }).check({ force: true });
  await page.getByLabel("Labels").fill("tier=gold");
  await page.getByLabel("Labels").press("Enter");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).waitFor();
  expect(await here.api.get(`/databases/${one.id}`)).toMatchObject({
    notes: "ask <b>Sari</b>",
    colour: "teal",
    labels: { tier: "gold" },
  });
  await page.goto(`${here.server.url}/databases?colour=teal`);
  await page.getByRole("link", { name: "labelled" }).waitFor();
  expect(await page.getByRole("row").count()).toBe(2);
  await page.getByRole("checkbox", { name: "Select row" }).check();
  await page.getByRole("button", { name: "Add labels" }).click();
  await dialog.getByLabel("Labels").fill("team=shop");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByRole("button", { name: "Add labels" }).click();
  await page.getByText("1 labelled").waitFor();
  expect((await here.api.get(`/databases/${one.id}`)).labels).toEqual({ tier: "gold", team: "shop" });
  await page.getByRole("searchbox").first().fill("team=shop");
  await page.getByRole("link", { name: "labelled" }).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});
