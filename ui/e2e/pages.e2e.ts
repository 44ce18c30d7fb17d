// What every page is held to: WCAG 2.2 AA in every theme, at most four calls, no word against the policy.
import { beforeAll, expect, test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { apiCalls, axe } from "./kit/checks";
import { furnished, type Shown } from "./kit/screens";

const here = house();
let screens: Shown[] = [];
// What the shell asks itself, the number of critical alerts on its rail included.
const SHELL =
  /^GET \/api\/v1\/((session|projects(\/[^/]+\/environments)?|engines)(\?|$)|alerts\?state=open&severity=critical)/;

beforeAll(async () => {
  screens = await furnished(here.api);
});

test("at most four calls of its own, and nothing that is refused", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/settings`);
  await apiCalls(page, () => page.waitForTimeout(300)); // what the shell asks once is not the screen's
  const many: string[] = [];
  for (const { name, path } of screens) {
    const calls = await apiCalls(page, () => page.goto(here.server.url + path));
    const own = calls.filter((call) => !SHELL.test(call));
    if (own.length > 4) many.push(`${name}: ${own.join(", ")}`);
    const said = page.getByRole("alert").filter({ hasText: /\S/ }); // the editor keeps an empty one
    if (await said.count()) many.push(`${name}: ${await said.first().textContent()}`);
  }
  expect(many).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});

for (const [scheme, contrast] of [["light"], ["dark"], ["light", "more"]] as const)
  test(`axe finds nothing: ${scheme} ${contrast ?? ""}`, async () => {
    const { page, context } = await signedIn(here.browser, here.server, here.api, {
      colorScheme: scheme,
      contrast: contrast ?? "no-preference",
    });
    const found: string[] = [];
    for (const { name, path } of screens) {
      await page.goto(here.server.url + path);
      await apiCalls(page, () => page.waitForTimeout(200));
      for (const each of await axe(page)) found.push(`${name}: ${each}`);
    }
    expect(found).toEqual([]);
    await context.close();
  });
