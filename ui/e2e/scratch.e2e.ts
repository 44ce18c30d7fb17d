import { test } from "vitest";
import { house, signedIn } from "./kit/browser";

const here = house();
test("x", async () => {
  const database = await here.api.database("sqlite", "orders");
  const { page, errors } = await signedIn(here.browser, here.server, here.api);
  page.on("console", (m) => console.log(m.text()));
  await page.goto(`${here.server.url}/databases/${database.id}?tab=migrations`);
  await page.getByRole("button", { name: "New migration" }).first().click();
  await page.waitForTimeout(4000);
  await page.screenshot({ path: "/tmp/moves-shot.png" });
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Name", { exact: true }).fill("x");
  await sheet.locator("[data-editor=sql] .view-lines").nth(0).click();
  await page.keyboard.type("CREATE TABLE made (id integer PRIMARY KEY, note text)");
  await page.waitForTimeout(1000);
  await page.screenshot({ path: "/tmp/moves-shot.png" });
  console.log(
    await sheet.locator("[data-editor=sql]").count(),
    await sheet.locator("[data-editor=sql] .view-lines").count(),
  );
  console.log(errors);
});
