import { writeFileSync } from "node:fs";
import { test } from "vitest";
import { house, signedIn } from "./kit/browser";
const here = house();
test("trace", async () => {
  await here.api.database("sqlite", "one");
  const { page, context } = await signedIn(here.browser, here.server, here.api);
  const cdp = await context.newCDPSession(page);
  await page.goto(`${here.server.url}/databases`);
  await page.getByRole("button", { name: "New database" }).first().waitFor();
  await page.waitForTimeout(1000);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  const events: any[] = [];
  cdp.on("Tracing.dataCollected", (e: any) => events.push(...e.value));
  const done = new Promise((r) => cdp.once("Tracing.tracingComplete", r));
  for (const cold of [true]) {
    if (cold) await cdp.send("Network.clearBrowserCache");
    await cdp.send("Tracing.start", { categories: "devtools.timeline,disabled-by-default-v8.cpu_profiler,v8.execute,blink.user_timing,loading,disabled-by-default-devtools.timeline" , transferMode: "ReportEvents"} as any);
    const t = Date.now();
    await page.goto(`${here.server.url}/databases`);
    await page.getByRole("button", { name: "New database" }).first().waitFor();
    console.log("interactive", Date.now() - t);
    await page.waitForTimeout(500);
    await cdp.send("Tracing.end");
    await done;
  }
  writeFileSync("/tmp/w/data-scratch/trace.json", JSON.stringify(events));
  console.log(JSON.stringify(await page.evaluate(() => performance.getEntriesByType("resource").map((e: any) => [e.name.split("/").pop(), Math.round(e.startTime), Math.round(e.responseEnd), e.transferSize]))));
  console.log(JSON.stringify(await page.evaluate(() => performance.getEntriesByType("paint").map((e: any) => [e.name, Math.round(e.startTime)]))));
  await context.close();
}, 120000);
