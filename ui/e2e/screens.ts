// Every page as a picture: light, dark, and as wide as a phone. `make screens` writes them to docs/screens/.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
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

test("pictures", async () => {
  await rm(INTO, { recursive: true, force: true });
  await mkdir(INTO, { recursive: true });
  const screens = await furnished(here.api);
  const blank = await here.browser.newPage();
  for (const { way, ...options } of WAYS) {
    const { page, context } = await signedIn(here.browser, here.server, here.api, options);
    for (const { name, path } of screens) {
      await page.goto(here.server.url + path);
      await apiCalls(page, () => page.waitForTimeout(300));
      await writeFile(`${INTO}${name}-${way}.webp`, await webp(page, blank));
    }
    await context.close();
  }
  console.log(`${screens.length * WAYS.length} pictures in docs/screens/`);
});
