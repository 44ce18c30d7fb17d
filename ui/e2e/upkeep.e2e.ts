// A database's network, upkeep, retention and engine, and what of it a viewer is offered.
import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { Api, type Json } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";

const here = house();

async function open(path: string, api = here.api) {
  const tab = await signedIn(here.browser, here.server, api);
  await tab.page.goto(here.server.url + path);
  return { ...tab, dialog: tab.page.getByRole("dialog") };
}

/** What a program of somebody's own hears that does not get in; "" for one that does. */
function refusal(url: string): Promise<string> {
  const line = "import sys, psycopg; psycopg.connect(sys.argv[1], connect_timeout=20).execute('SELECT 1')";
  const child = spawn(process.env.HOLDFAST_PYTHON ?? "python", ["-c", line, url], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (piece) => {
    said += piece;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve(code === 0 ? "" : said || `exit ${code}`)));
}

test("the port is opened to listed addresses over TLS, and closed again", async () => {
  const database = await here.api.database("postgresql", "exposed");
  const { url } = await here.api.post(`/databases/${database.id}/url`, { access: "ro" });
  const { page, dialog, errors, context } = await open(`/databases/${database.id}?tab=connections&part=network`);
  await page.getByText("Closed to the network").waitFor();
  await page.getByRole("button", { name: "Open to a network" }).click();
  await dialog.getByLabel("Let in").fill("everybody");
  await dialog.getByRole("button", { name: "Open to a network" }).click();
  await dialog.getByText(/does not appear to be/).waitFor(); // the server's word stands at the field
  await dialog.getByLabel("Let in").fill("127.0.0.0/8\n10.0.0.0/8");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await dialog.getByRole("button", { name: "Open to a network" }).click();
  await page.getByRole("heading", { name: "Open to the network" }).waitFor();
  const door = await here.api.get(`/databases/${database.id}/exposure`);
  const outside = new URL(url);
  outside.port = String(door.port);
  expect(await refusal(`${outside}?sslmode=require`)).toBe("");
  expect(await refusal(`${outside}?sslmode=disable`)).toContain("speaks TLS only");
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await page.getByText("Closed to the network").waitFor();
  expect(await refusal(`${outside}?sslmode=require`)).toContain("refused");
  expect(errors).toEqual([]);
  await context.close();
});

test("a chore is run and seen, an extension is enabled and disabled by the database's name", async () => {
  const database = await here.api.database("postgresql", "kept");
  await here.api.query(database, "CREATE TABLE public.t AS SELECT 1 AS a");
  const { page, dialog, errors, context } = await open(`/databases/${database.id}?tab=settings&part=upkeep`);
  await page.getByLabel("Table for: Refresh the planner's statistics").fill("public.t");
  await page.getByRole("button", { name: "Run: Refresh the planner's statistics" }).click();
  await page.getByText("Done", { exact: true }).waitFor({ timeout: 30_000 });

  const [{ name }] = (await here.api.get(`/databases/${database.id}/extensions`)).items; // what this server has
  await page.getByRole("button", { name: "Engine", exact: true }).click();
  await page.getByRole("button", { name: `Enable ${name}` }).click();
  const off = page.getByRole("button", { name: `Disable ${name}` });
  await off.waitFor();
  const installed = async () =>
    (await here.api.query(database, `SELECT count(*) FROM pg_extension WHERE extname = '${name}'`)).rows[0][0];
  expect(Number(await installed())).toBe(1);
  await off.click();
  await dialog.getByRole("textbox").fill("kept");
  await dialog.getByRole("button", { name: "Disable", exact: true }).click();
  await page.getByRole("button", { name: `Enable ${name}` }).waitFor();
  expect(Number(await installed())).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});

test("retention says what would go and why before it is saved, and applies by the name", async () => {
  const database = await here.api.database("sqlite", "thinned");
  for (let turn = 0; turn < 3; turn++) {
    await here.api.query(database, `CREATE TABLE t${turn} (a int)`);
    await here.api.snapshot(database);
  }
  const { page, dialog, errors, context } = await open(`/databases/${database.id}?tab=settings&part=retention`);
  await page.getByLabel("Newest", { exact: true }).fill("1");
  for (const rule of ["Daily", "Weekly", "Monthly"]) await page.getByLabel(rule, { exact: true }).fill("");
  await page.getByLabel("Never below").fill("1");
  await page.getByRole("button", { name: "What would go" }).click();
  await page.getByText(/^2 would go/).waitFor();
  await page.getByRole("button", { name: "Save" }).first().click();
  await page.getByText("Its own", { exact: true }).waitFor();
  const left = async () => (await here.api.get(`/snapshots?resource_id=${database.id}&state=ready`)).items.length;
  expect(await left()).toBe(3);
  await page.getByRole("button", { name: "Apply now" }).click();
  await dialog.getByRole("textbox").fill("thinned");
  await dialog.getByRole("button", { name: "Apply now" }).click();
  await page.getByText("2 snapshots forgotten").waitFor();
  expect(await left()).toBe(1);
  expect(errors).toEqual([]);
  await context.close();
});

test("Valkey is resized in its own form and has no part it cannot have", async () => {
  const database = await here.api.database("valkey", "cache");
  const { page, errors, context } = await open(`/databases/${database.id}?tab=settings&part=engine`);
  await page.getByLabel("Max data (MB)").fill("96");
  expect(await page.getByRole("button", { name: "Upkeep" }).count()).toBe(0);
  expect(await page.getByRole("button", { name: "Upgrade" }).count()).toBe(0);
  await page.getByRole("button", { name: "Resize", exact: true }).click();
  await expect
    .poll(async () => (await here.api.get(`/databases/${database.id}`)).spec.max_data_mb, { timeout: 30_000 })
    .toBe(96);
  await page.getByRole("tab", { name: "Connections" }).click();
  await page.getByText("valkey-cli", { exact: true }).click();
  await page.getByText(/^valkey-cli -u .*\*\*\*/).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("several are deleted by typing how many, and brought back together", async () => {
  for (const name of ["many-1", "many-2"]) await here.api.database("sqlite", name);
  const { page, dialog, errors, context } = await open("/databases?q=many-");
  await page.getByRole("row").nth(2).waitFor();
  await page.getByRole("checkbox", { name: "Select all rows" }).check();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await dialog.getByText("many-2, many-1").waitFor();
  await dialog.getByRole("textbox").fill("2 databases");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  const states = async (query: string) =>
    (await here.api.get(`/databases?name=many-${query}`)).items.map((each: Json) => each.state);
  await expect.poll(() => states("&deleted=true"), { timeout: 20_000 }).toEqual(["deleted", "deleted"]);
  await page.goto(`${here.server.url}/databases?q=many-&deleted=yes`);
  await page.getByRole("row").nth(2).waitFor();
  await page.getByRole("checkbox", { name: "Select all rows" }).check();
  await page.getByRole("button", { name: "Bring back" }).click();
  await expect.poll(() => states(""), { timeout: 20_000 }).toEqual(["ready", "ready"]);
  expect(errors).toEqual([]);
  await context.close();
});

test("a viewer sees how it is and no button that could not work", async () => {
  const database = await here.api.database("postgresql", "watched");
  const invited = await here.api.post("/invites", { email: "viewer@example.org", role: "viewer" });
  const viewer = new Api(here.server);
  await viewer.post("/invites/accept", { token: invited.link.split("=").pop(), password: "a viewer's long password" });
  const { page, errors, context } = await open(`/databases/${database.id}?tab=settings`, viewer);
  await page.getByLabel("Notes").waitFor();
  expect(await page.getByLabel("Notes").isDisabled()).toBe(true);
  for (const name of ["Save", "Danger zone", "Take snapshot", "More"])
    expect(await page.getByRole("button", { name, exact: true }).count(), name).toBe(0);
  await page.getByRole("button", { name: "Engine", exact: true }).click();
  await page.getByText("work_mem", { exact: true }).waitFor();
  await page.getByRole("heading", { name: "Extensions" }).waitFor();
  for (const name of ["Resize", /^Enable/, /^Apply/]) expect(await page.getByRole("button", { name }).count()).toBe(0);
  await page.getByRole("tab", { name: "Connections" }).click();
  await page.getByText(/^postgresql:\/\//).waitFor();
  for (const name of ["Reveal the password", "Sessions"])
    expect(await page.getByRole("button", { name }).count()).toBe(0);
  await page.getByRole("button", { name: "Logins" }).click();
  await page.getByText("A login for each program").waitFor();
  expect(await page.getByRole("button", { name: "New login" }).count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});
