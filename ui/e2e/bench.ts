// The dashboard's size and speed in Chromium on lists as long as they get. `make bench-ui`; best on a quiet machine.
// Each figure is the middle one of five. "CPU" is what the page's own thread worked, whoever else loads the machine.
import { execFile } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { CDPSession, Page } from "playwright-core";
import { expect, test } from "vitest";
import { house, signedIn, type Tab } from "./kit/browser";
import { longTasks } from "./kit/checks";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BUILT = join(ROOT, "src/holdfast/web/pages/ui/");
const TIMES = 5;
const LISTS = [
  { path: "/databases", sort: "-created", grid: "Databases", rows: 10_000, call: "/api/v1/databases?" },
  { path: "/snapshots", sort: "taken", grid: "Snapshots", rows: 5000, call: "/api/v1/snapshots?" },
  { path: "/activity", sort: "kind", grid: "Runs", rows: 5000, call: "/api/v1/runs?" },
] as const;
const here = house();

function bar(name: string, value: number, most: number | null, unit: string): void {
  const filled = most === null ? 0 : Math.min(30, Math.round((value / most) * 30));
  const verdict = most === null ? "" : value <= most ? "ok" : "OVER";
  const bound = most === null ? "" : `of ${most}`;
  console.log(
    `${name.padEnd(44)} ${value.toFixed(0).padStart(6)} ${unit.padEnd(3)} ${bound.padEnd(8)} ${"█".repeat(filled).padEnd(30, "·")} ${verdict}`,
  );
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Scripts that index.html names, and those it preloads, as they travel in gzip. */
function initial(): number {
  const names = [...readFileSync(`${BUILT}index.html`, "utf8").matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)];
  return names.reduce((sum, [, name]) => {
    const packed = `${BUILT}${name}.gz`;
    return sum + statSync(existsSync(packed) ? packed : `${BUILT}${name}`).size;
  }, 0);
}

/** Milliseconds the page's thread has worked since the page was opened; at the processor's full speed. */
async function worked(cdp: CDPSession): Promise<number> {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0) * 1000;
}

async function opened(rate: number): Promise<Tab & { cdp: CDPSession }> {
  const made = await signedIn(here.browser, here.server, here.api);
  const cdp = await made.context.newCDPSession(made.page);
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  await cdp.send("Emulation.setCPUThrottlingRate", { rate });
  return { ...made, cdp };
}

/** From nothing in the browser's cache until a database could be made. */
async function interactive(): Promise<{ wall: number; cpu: number }> {
  const { page, cdp, context } = await opened(4);
  const began = Date.now();
  await page.goto(`${here.server.url}/databases`);
  await page.getByRole("button", { name: "New database" }).first().waitFor();
  const wall = Date.now() - began;
  const cpu = await worked(cdp);
  await context.close();
  return { wall, cpu };
}

/** From the last answer until a frame shows rows: some of them, or all where `least` says how many there are. */
function shownAfter(page: Page, call: string, least: number | null): Promise<number> {
  return page.evaluate(
    ([called, wanted]) =>
      new Promise<number>((resolve, reject) => {
        const until = performance.now() + 60_000;
        const look = () => {
          if (performance.now() > until) reject(new Error("the rows are not shown"));
          const there = document.querySelectorAll("[role=gridcell]").length > 5;
          const count = Number(document.querySelector("[role=grid]")?.getAttribute("aria-rowcount") ?? 0);
          if (!there || (wanted !== null && count <= wanted)) {
            requestAnimationFrame(look);
            return;
          }
          const calls = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
          const last = calls.filter(({ name }) => name.includes(called)).at(-1);
          setTimeout(() => resolve(performance.now() - (last?.responseEnd ?? 0)));
        };
        look();
      }),
    [call, least] as const,
  );
}

/** The longest task while the list is scrolled: as the clock has it, and what the page's thread worked in it. */
async function scrolled(page: Page, cdp: CDPSession, grid: string): Promise<{ wall: number; cpu: number }> {
  const list = page.getByRole("grid", { name: grid });
  const events: { name: string; dur?: number; tdur?: number }[] = [];
  cdp.on("Tracing.dataCollected", ({ value }) => events.push(...(value as unknown as typeof events)));
  const ended = new Promise((resolve) => cdp.once("Tracing.tracingComplete", resolve));
  await cdp.send("Tracing.start", { categories: "toplevel,devtools.timeline", transferMode: "ReportEvents" });
  await page.waitForTimeout(300); // the tracer's own beginning is no task of ours
  events.length = 0;
  const tasks = await longTasks(page, async () => {
    for (let at = 0; at < 60; at++) {
      await list.evaluate((each, top) => each.scrollTo({ top }), at * 3000);
      await page.waitForTimeout(16);
    }
  });
  await cdp.send("Tracing.end");
  await ended;
  const worked = events.filter(
    ({ name }) => name === "FunctionCall" || name === "FireAnimationFrame" || name === "Layout",
  );
  return { wall: Math.max(0, ...tasks), cpu: Math.max(0, ...worked.map(({ tdur = 0 }) => tdur / 1000)) };
}

test("measured", async () => {
  const database = await here.api.database("sqlite", "first");
  await here.api.snapshot(database);
  const python = process.env.HOLDFAST_PYTHON ?? "";
  await promisify(execFile)(python, ["-m", "bench.dashboard", join(here.server.root, "data")], { cwd: ROOT });

  const starts = [];
  for (let time = 0; time < TIMES; time++) starts.push(await interactive());
  bar("Initial JS, gzip", initial() / 1024, 250, "kB");
  bar("Interactive, processor / 4", middle(starts.map(({ wall }) => wall)), 2000, "ms");
  bar("  of it CPU, at full speed", middle(starts.map(({ cpu }) => cpu)), null, "ms");

  for (const { path, sort, grid, rows, call } of LISTS) {
    const first: number[] = [];
    const all: number[] = [];
    const longest: { wall: number; cpu: number }[] = [];
    const cpu: number[] = [];
    for (let time = 0; time < TIMES; time++) {
      const { page, cdp, context } = await opened(1);
      await page.goto(here.server.url + path);
      first.push(await shownAfter(page, call, null));
      const before = await worked(cdp);
      await page.evaluate(() => performance.setResourceTimingBufferSize(2000));
      await page.goto(`${here.server.url}${path}?sort=${sort}`);
      all.push(await shownAfter(page, call, rows));
      cpu.push((await worked(cdp)) - before);
      longest.push(await scrolled(page, cdp, grid));
      await context.close();
    }
    bar(`${grid}: first rows after their data`, middle(first), 300, "ms");
    bar(`${grid}: ${rows} sorted after their data`, middle(all), 300, "ms");
    bar("  CPU to fetch and sort them all", middle(cpu), null, "ms");
    bar(`${grid}: longest task while scrolling`, middle(longest.map(({ wall }) => wall)), 50, "ms");
    bar("  longest piece of work in it, CPU", middle(longest.map(({ cpu }) => cpu)), null, "ms");
  }
  expect(starts).toHaveLength(TIMES);
});
