// What every page is held to: WCAG 2.2 AA in every theme, at most four calls of its own, no word against the policy.
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { type House, signedIn } from "./browser";
import { apiCalls, axe, SHELL } from "./checks";
import type { Shown } from "./screens";

const MOST = 4;
const THEMES = [
  { colorScheme: "light", contrast: "no-preference" },
  { colorScheme: "dark", contrast: "no-preference" },
  { colorScheme: "light", contrast: "more" },
] as const;

/** Whether the page has followed the system to this theme. */
function shown({ colorScheme, contrast }: (typeof THEMES)[number]): boolean {
  const { theme, contrast: now } = document.documentElement.dataset;
  return theme === colorScheme && now === (contrast === "more" ? "high" : "normal");
}

/** Colours may still be on their way from one theme to the next: what is wrong is wrong a moment later too. */
async function judged(page: Page, colours: boolean): Promise<string[]> {
  const found = await axe(page, { colours });
  if (found.length === 0) return found;
  await page.waitForTimeout(1000);
  return axe(page, { colours });
}

/** Opens these pages as the owner, one after another. Throws with all that is wrong with them. */
export async function walk(here: House, screens: readonly Shown[]): Promise<void> {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings`);
  await apiCalls(page, () => page.waitForTimeout(300)); // what the shell asks once is not the screen's
  const wrong: string[] = [];
  for (const { name, path } of screens) {
    await page.goto("about:blank"); // what the page before still wanted to ask is not this one's
    await page.emulateMedia(THEMES[0]);
    const calls = await apiCalls(page, () => page.goto(here.server.url + path));
    const own = new Set(calls.filter((call) => !SHELL.test(call))); // a signal in between reads the same once more
    if (own.size > MOST) wrong.push(`${name}: ${[...own].join(", ")}`);
    const said = page.getByRole("alert").filter({ hasText: /\S/ }); // the editor keeps an empty one
    if (await said.count()) wrong.push(`${name}: ${await said.first().textContent()}`);
    for (const theme of THEMES) {
      await page.emulateMedia(theme);
      await page.waitForFunction(shown, theme);
      const found = await judged(page, theme !== THEMES[0]);
      wrong.push(...found.map((each) => `${name}, ${theme.colorScheme} ${theme.contrast}: ${each}`));
    }
  }
  expect(wrong).toEqual([]);
  expect(errors).toEqual([]);
  expect(screens.length).toBeGreaterThan(0);
  await context.close();
}
