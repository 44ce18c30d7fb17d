// The dashboard's size and speed in Chromium, with the processor four times slower. `make bench-ui`; best on a quiet machine.
import { existsSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { longTasks } from "./kit/checks";

const BUILT = fileURLToPath(new URL("../../src/holdfast/web/pages/ui/", import.meta.url));
const ROWS = 10_000;
const here = house();

function bar(name: string, value: number, most: number, unit: string): void {
  const filled = Math.min(30, Math.round((value / most) * 30));
  const verdict = value <= most ? "ok" : "OVER";
  console.log(
    `${name.padEnd(34)} ${value.toFixed(0).padStart(6)} ${unit.padEnd(3)} of ${most}  ${"█".repeat(filled).padEnd(30, "·")} ${verdict}`,
  );
}

/** Scripts that index.html names, and those it preloads, as they travel in gzip. */
function initial(): number {
  const names = [...readFileSync(`${BUILT}index.html`, "utf8").matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)];
  return names.reduce((sum, [, name]) => {
    const packed = `${BUILT}${name}.gz`;
    return sum + statSync(existsSync(packed) ? packed : `${BUILT}${name}`).size;
  }, 0);
}

test("measured", async () => {
  const { page, context } = await signedIn(here.browser, here.server, here.api);
  const cdp = await context.newCDPSession(page);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  const began = Date.now();
  await page.goto(`${here.server.url}/databases`);
  await page.getByRole("button", { name: "New database" }).first().waitFor();
  const interactive = Date.now() - began;

  // Ten thousand rows by the API's own form; making as many databases would measure the server.
  const environment = await here.api.environment();
  const items = Array.from({ length: ROWS }, (_, n) => ({
    id: `db_${n}`,
    name: `database-${n}`,
    engine: "sqlite",
    state: "ready",
    environment_id: environment.id,
    project_id: environment.project_id,
    labels: {},
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
  }));
  await page.route("**/api/v1/databases?**", (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get("cursor") ?? 0);
    const next = from === 0 ? 100 : ROWS;
    return route.fulfill({ json: { items: items.slice(from, next), next_cursor: next < ROWS ? String(next) : null } });
  });
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: 1 });
  await page.reload();
  const answered = page.waitForResponse((answer) => answer.url().includes("cursor="));
  await page.getByText("database-0", { exact: true }).waitFor();
  const grid = page.getByRole("grid", { name: "Databases" });
  await grid.evaluate((each) => each.scrollTo({ top: 1e9 }));
  await answered;
  const opened = Date.now();
  await grid.evaluate((each) => each.scrollTo({ top: 1e9 }));
  await page
    .getByText(/^database-\d{3,}$/)
    .first()
    .waitFor();
  const shown = Date.now() - opened;
  const tasks = await longTasks(page, async () => {
    for (let at = 0; at < 60; at++) {
      await grid.evaluate((each, top) => each.scrollTo({ top }), at * 3000);
      await page.waitForTimeout(16);
    }
  });
  bar("Initial JS, gzip", initial() / 1024, 250, "kB");
  bar("Interactive, processor / 4", interactive, 2000, "ms");
  bar(`List of ${ROWS} after its data`, shown, 300, "ms");
  bar("Longest task while scrolling", Math.max(0, ...tasks), 50, "ms");
  await context.close();
});
