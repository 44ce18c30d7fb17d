// Every page as a picture: light, dark, and as wide as a phone. `make screens` writes them to docs/screens/;
// `make screens ONLY='worker|key-value'` only those whose names these words fit, and leaves the others.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { apiCalls } from "./kit/checks";
import { furnished } from "./kit/screens";
import { webp } from "./kit/webp";

const INTO = fileURLToPath(new URL("../../docs/screens/", import.meta.url));
const WAYS = [
  { way: "light", colorScheme: "light", viewport: { width: 1280, height: 800 } },
  { way: "dark", colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  { way: "phone", colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
] as const;

const here = house();
const nothing = async (_: Page) => undefined;

test("pictures", async () => {
  const only = process.env.HOLDFAST_SCREENS;
  const wanted = (name: string) => !only || new RegExp(only).test(name);
  if (!only) await rm(INTO, { recursive: true, force: true });
  await mkdir(INTO, { recursive: true });
  const screens = await furnished(here.api);
  let taken = 0;
  const blank = await here.browser.newPage();
  for (const { way, ...options } of WAYS) {
    const { page, context } = await signedIn(here.browser, here.server, here.api, options);
    for (const { name, path, acts = {} } of screens)
      for (const [shown, act] of Object.entries({ [name]: nothing, ...acts })) {
        if (!wanted(shown)) continue;
        await page.goto(here.server.url + path);
        await apiCalls(page, () => page.waitForTimeout(300));
        await act(page);
        await apiCalls(page, () => page.waitForTimeout(300));
        await page.waitForFunction(() => !document.querySelector(".animate-pulse"));
        await writeFile(`${INTO}${shown}-${way}.webp`, await webp(page, blank));
        taken++;
      }
    await context.close();
  }
  console.log(`${taken} pictures taken into docs/screens/`);
});
