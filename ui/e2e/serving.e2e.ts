// What the browser makes of what the server sends: policies that hold, files that are kept, tenants' bytes that run nothing.
import { expect, test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { apiCalls } from "./kit/checks";

const here = house();

test("the page comes up at a deep link without a word against the policy, and its files are kept", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases`);
  await page.waitForFunction(() => (document.querySelector("#root")?.childElementCount ?? 0) > 0);
  const inline = await page.evaluate(() => [...document.scripts].filter((each) => !each.src).length);
  expect(inline).toBe(0);
  const again = await page.evaluate(async () => {
    const script = [...document.scripts].find((each) => each.src)?.src ?? "";
    const answer = await fetch(script, { cache: "only-if-cached", mode: "same-origin" });
    return [answer.status, answer.headers.get("cache-control")];
  });
  expect(again).toEqual([200, "public, max-age=31536000, immutable"]);
  expect(errors).toEqual([]);
  await context.close();
});

test("a script that is written into the page does not run", async () => {
  const { page, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(here.server.url);
  const ran = await page.evaluate(async () => {
    const inline = document.createElement("script");
    inline.textContent = "globalThis.ran = 'inline'";
    document.body.append(inline);
    document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=\"globalThis.ran = 'handler'\">");
    const elsewhere = document.createElement("script");
    elsewhere.src = "data:text/javascript,globalThis.ran='data'";
    document.body.append(elsewhere);
    await new Promise((resolve) => setTimeout(resolve, 500));
    return (globalThis as { ran?: string }).ran ?? null;
  });
  expect(ran).toBe(null);
  await context.close();
});

test("bytes of a tenant neither run nor reach the control origin", async () => {
  const database = await here.api.database("sqlite", "tenant");
  await here.api.query(database, "CREATE TABLE page (html text)");
  await here.api.query(database, "INSERT INTO page VALUES ('<script>globalThis.ran = document.cookie || 1</script>')");
  const { page, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/plain`);
  const answer = await page.goto(`${here.server.url}/api/v1/databases/${database.id}/tables/page/rows`);
  expect(await page.content()).toContain("globalThis.ran");
  expect(await page.evaluate(() => (globalThis as { ran?: unknown }).ran ?? null)).toBe(null);
  expect(await page.evaluate(() => globalThis.origin)).toBe("null"); // an origin of its own: no cookie, no storage, no API
  expect(answer?.headers()["content-security-policy"]).toMatch(/^default-src 'none';.* sandbox$/);
  const waiting = page.waitForEvent("download");
  await page.goto(`${here.server.url}/plain`);
  await page.evaluate((path) => location.assign(path), "/api/v1/runs/export?format=csv");
  expect((await waiting).suggestedFilename()).toBe("runs.csv");
  await context.close();
});

test("nothing polls: a page that is left alone asks nothing", async () => {
  const { page, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases`);
  // What the tests before it began may still be told; afterwards nothing is left to tell.
  while ((await apiCalls(page, () => page.waitForTimeout(3000))).length > 0);
  const asked = await apiCalls(page, () => page.waitForTimeout(6000));
  expect(asked).toEqual([]);
  await context.close();
});
