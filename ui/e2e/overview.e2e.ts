// The overview, the help beside it, and what it says when there is more than fits.
import { readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Json } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { apiCalls, axe, SHELL } from "./kit/checks";

const here = house();

test("it begins with the guide, and says what is protected as soon as something is", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/`);
  await page.getByRole("link", { name: "Start the guided minute" }).waitFor();
  const shop = await here.api.database("sqlite", "<b>shop</b>");
  await page.getByText("Never backed up").waitFor(); // told by the line
  await page.getByText("<b>shop</b>").waitFor();
  await here.api.query(shop, "CREATE TABLE t (a int)");
  await here.api.snapshot(shop);
  await page.getByText(/but no plan takes the next$/).waitFor();
  await here.api.post(`/projects/${shop.project_id}/plans`, {
    name: "Nightly",
    selection: { all: true },
    schedules: [{ cron: "0 2 * * *", tz: "UTC" }],
  });
  await page.getByText(/verified$/).waitFor();
  await page.getByRole("link", { name: "Nightly" }).waitFor();
  const calls = await apiCalls(page, () => page.reload());
  const own = calls.filter((call) => !SHELL.test(call));
  expect(own.length, own.join("\n")).toBeLessThanOrEqual(4);
  await page.getByRole("button", { name: "Not now" }).click();
  await page.reload();
  await page.getByText(/verified$/).waitFor();
  expect(await page.getByRole("link", { name: "Start the guided minute" }).count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});

test("a failure is asked for again from where it is told", async () => {
  const database = await here.api.database("sqlite", "again");
  await here.api.query(database, "CREATE TABLE t (a int)");
  const { page, context } = await signedIn(here.browser, here.server, here.api);
  const file = await fileOf(database.id);
  await rename(file, `${file}.aside`);
  await writeFile(file, "no database at all, and long enough to be read as one");
  const { run } = await here.api.post(`/databases/${database.id}/snapshots`);
  await expect(here.api.ended(run)).rejects.toThrow("failed");
  await rename(`${file}.aside`, file);
  await page.goto(`${here.server.url}/`);
  await page.getByRole("button", { name: /^Run again/ }).click();
  await page.getByText("Started", { exact: true }).waitFor();
  const path = `/snapshots?resource_id=${database.id}`;
  const ready = async () => (await here.api.get(path)).items.filter(({ state }: Json) => state === "ready").length;
  await expect.poll(ready).toBe(1);
  await context.close();
});

test("growth is drawn with what it shows said in words", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  const items = Array.from({ length: 40 }, (_, at) => ({
    day: new Date(Date.UTC(2026, 2, 1 + at)).toISOString().slice(0, 10),
    source_bytes: 1024 * 1024 * (100 + at * 5),
    stored_bytes: 1024 * 1024 * (40 + at),
  }));
  await page.route("**/growth?*", (route) => route.fulfill({ json: { items } }));
  await page.goto(`${here.server.url}/`);
  await page.getByRole("figure", { name: "Growth from 100 MB to 295 MB" }).waitFor();
  await page.locator("figure svg path").first().waitFor();
  expect(await axe(page)).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});

test("help opens the page's own documentation by its key, and follows links within", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  const [database] = (await here.api.get("/databases")).items;
  await page.goto(`${here.server.url}/databases/${database.id}?tab=tables`);
  await page.getByRole("tab", { name: "Tables" }).waitFor();
  await page.keyboard.press("h");
  const sheet = page.getByRole("dialog");
  await sheet.getByRole("heading", { name: "Tables" }).waitFor();
  await page.keyboard.press("Escape");
  await sheet.waitFor({ state: "hidden" });
  await page.goto(`${here.server.url}/`);
  await page.getByRole("button", { name: "Help: this page" }).click();
  await sheet.getByRole("heading", { name: "Overview", exact: true }).waitFor();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByRole("button", { name: "history" }).click();
  await sheet.getByRole("heading", { name: "Plan", exact: true }).waitFor();
  await sheet.getByRole("button", { name: "Back" }).click();
  await sheet.getByRole("heading", { name: "Overview", exact: true }).waitFor();
  for (const section of ["appearance", "sessions"]) {
    await page.goto(`${here.server.url}/settings/${section}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.keyboard.press("h");
    await sheet.getByRole("heading", { name: section, exact: false }).first().waitFor();
    await page.keyboard.press("Escape");
  }
  expect(errors).toEqual([]);
  await context.close();
});

/** Where a SQLite database lives on the server's disk. */
async function fileOf(id: string): Promise<string> {
  const all = await readdir(here.server.root, { recursive: true });
  const found = all.find((each) => each.includes(id) && /\.(db|sqlite3?)$/.test(each));
  if (!found) throw new Error(`no file of ${id} among ${all.filter((each) => each.includes(id)).join(", ")}`);
  return join(here.server.root, found);
}
