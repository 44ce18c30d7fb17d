// What every page is held to.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page, Request } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

interface Axe {
  within?: string;
  /** Only what a theme can spoil: its colours. */
  colours?: boolean;
}

const STILL_MS = 3000;

/** What fades in has half its colours: until it has ended, spinners and the like left out. */
function still(page: Page): Promise<void> {
  return page.evaluate(async (most) => {
    const moves = document.getAnimations().filter((each) => {
      return each.playState === "running" && each.effect?.getComputedTiming().iterations !== Infinity;
    });
    const ended = Promise.allSettled(moves.map((each) => each.finished));
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, most))]);
  }, STILL_MS);
}

/** What axe finds against WCAG 2.2 AA, in words; empty is clean. */
export async function axe(page: Page, { within, colours = false }: Axe = {}): Promise<string[]> {
  await still(page);
  const rules = colours ? ["color-contrast"] : LEVELS;
  // By the debugger: the page's own policy lets no script in. Half a megabyte, so once a page.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
  return page.evaluate(
    async ([levels, selector]) => {
      // biome-ignore lint/suspicious/noExplicitAny: axe puts itself there
      const found = await (globalThis as any).axe.run(selector ?? document, {
        runOnly: levels,
        resultTypes: ["violations"],
      });
      type Found = { id: string; help: string; nodes: { target: string[]; html: string; failureSummary: string }[] };
      return (found.violations as Found[]).map(
        (each) =>
          `${each.id}: ${each.help}\n${each.nodes.map((n) => `  ${n.target.join(" ")} ${n.html} ${n.failureSummary}`).join("\n")}`,
      );
    },
    [rules, within ?? null] as const,
  );
}

/** What the shell asks itself, the number of critical alerts on its rail included: no screen's own call. */
export const SHELL =
  /^GET \/api\/v1\/((session|projects(\/[^/]+\/environments)?|engines)(\?|$)|alerts\?state=open&severity=critical)/;

/** The API calls a page makes while something is done, until it has been quiet for a quarter of a second. */
export async function apiCalls(page: Page, act: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const heard = (request: Request) => {
    const url = new URL(request.url());
    if (url.pathname.startsWith("/api/") && request.resourceType() !== "websocket")
      seen.push(`${request.method()} ${url.pathname}${url.search}`);
  };
  page.on("request", heard);
  await act();
  let before = -1;
  while (before !== seen.length) {
    before = seen.length;
    await page.waitForTimeout(250);
  }
  page.off("request", heard);
  return seen;
}

/** The lengths, in milliseconds, of tasks over 50 ms while something is done. */
export async function longTasks(page: Page, act: () => Promise<unknown>): Promise<number[]> {
  await page.evaluate(() => {
    const kept: number[] = [];
    const watch = new PerformanceObserver((list) => {
      for (const each of list.getEntries()) kept.push(each.duration);
    });
    watch.observe({ type: "longtask" });
    Object.assign(globalThis, { __tasks: { kept, watch } });
  });
  await act();
  return page.evaluate(() => {
    // biome-ignore lint/suspicious/noExplicitAny: put there above
    const { kept, watch } = (globalThis as any).__tasks as { kept: number[]; watch: PerformanceObserver };
    for (const each of watch.takeRecords()) kept.push(each.duration);
    watch.disconnect();
    return kept;
  });
}

/** Makes the mouse and the finger unusable: what happens afterwards happened by keys. */
export function keyboardOnly(page: Page): void {
  const refuse = () => {
    throw new Error("this test may use the keyboard only");
  };
  Object.assign(page, { click: refuse, dblclick: refuse, tap: refuse, hover: refuse });
  Object.assign(page.mouse, { click: refuse, dblclick: refuse, down: refuse, move: refuse, wheel: refuse });
}

/** Tab until the element with this accessible name has the focus. Throws when a round of the page does not reach it. */
export async function tabTo(page: Page, name: string | RegExp, most = 80): Promise<void> {
  const fits = (text: string) => (typeof name === "string" ? text === name : name.test(text));
  const seen: string[] = [];
  for (let step = 0; step < most; step++) {
    await page.keyboard.press("Tab");
    const now = await page.evaluate(() => {
      const on = document.activeElement as HTMLElement | null;
      const label = on?.getAttribute("aria-label") ?? (on as HTMLInputElement | null)?.labels?.[0]?.textContent;
      return (label ?? on?.textContent ?? "").trim();
    });
    if (fits(now)) return;
    seen.push(now.slice(0, 30));
  }
  throw new Error(`no Tab reaches ${name}; it went over ${seen.join(" | ")}`);
}
