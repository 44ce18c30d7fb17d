// A viewer walks every screen: what is offered is allowed.
import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { Api } from "./api";
import { type House, signedIn } from "./browser";
import { apiCalls } from "./checks";
import type { Shown } from "./screens";

/** Words of buttons that change something: a viewer may do none of it. */
const CHANGES =
  /^(new|create|add|delete|remove|edit|take|restore|verify|tag|hold|check|start|stop|run now|run again|cancel run|rotate|reveal|show the password|invite|revoke|make|repair|register|apply|switch|end|save changes|acknowledge|resolve|mute|replay|purge|clone|move|upgrade|import|drop)\b/i;
/** One's own browser, and the page itself. */
const OWN = /^(sign out|end others|switch project|start the guided|create a link|remove filter)/i;

interface Offered {
  name: string;
  at: number;
}

async function offered(page: Page): Promise<Offered[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLButtonElement>("main button:not([role=tab], nav *)")]
      .map((button, at) => ({ button, at }))
      .filter(
        ({ button }) => button.checkVisibility() && !button.matches(":disabled") && button.ariaDisabled !== "true",
      )
      .map(({ button, at }) => ({ name: (button.ariaLabel ?? button.textContent ?? "").trim(), at })),
  );
}

/** Opens these pages and every menu on them as `viewer`. Throws with all that is offered and would be refused. */
export async function viewed(here: House, viewer: Api, screens: readonly Shown[]): Promise<void> {
  const { page, errors, context } = await signedIn(here.browser, here.server, viewer);
  const found: string[] = [];
  let where = "";
  page.on("response", (answer) => {
    if (answer.status() === 403) found.push(`${where}: ${answer.request().method()} ${answer.url()} was refused`);
  });
  for (const { name, path } of screens) {
    where = name;
    await apiCalls(page, () => page.goto(here.server.url + path));
    const buttons = await offered(page);
    for (const each of buttons)
      if (CHANGES.test(each.name) && !OWN.test(each.name)) found.push(`${name}: offers "${each.name}"`);
    for (const each of buttons.filter((button) => /^(more|display)$/i.test(button.name))) {
      await page.locator("main button:not([role=tab], nav *)").nth(each.at).click();
      for (const item of await page.getByRole("menuitem").allTextContents())
        if (CHANGES.test(item.trim())) found.push(`${name}: its menu offers "${item.trim()}"`);
      await page.keyboard.press("Escape");
    }
  }
  where = "palette";
  await page.goto(`${here.server.url}/databases`);
  await page.getByRole("grid", { name: "Databases" }).waitFor();
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("option").first().waitFor();
  for (const option of await page.getByRole("option").allTextContents())
    if (CHANGES.test(option.trim()) || /guided/i.test(option)) found.push(`the palette offers "${option.trim()}"`);
  expect(found).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
}
