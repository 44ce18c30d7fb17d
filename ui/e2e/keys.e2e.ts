// Keys of a real Valkey: every type, awkward and binary names, expiry, undo; and commands, read only until allowed.
import { expect, test } from "vitest";
import type { Json } from "./kit/api";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";
import { picture } from "./kit/picture";

const here = house();
const MARKUP = "<img src=x onerror=globalThis.ran=1>";
const BINARY = { $bytes: Buffer.from([0, 255, 97]).toString("base64") };

async function filled(name: string): Promise<Json> {
  const database = await here.api.database("valkey", name);
  const put = (key: unknown, type: string, elements: unknown[], more: object = {}) =>
    here.api.call("PUT", `/databases/${database.id}/keys`, { name: key, type, elements, ...more });
  await put("cart:1:lines", "list", ["apples", "pears", MARKUP]);
  await put("cart:2:owner", "hash", [
    ["name", "Ada"],
    ["mail", "ada@example.org"],
  ]);
  await put("page:home", "string", ['{"title":"Home","parts":[1,2]}'], {
    expires_at: new Date(Date.now() + 7_200_000).toISOString(),
  });
  await put("scores", "zset", [
    ["ada", 12.5],
    ["bob", 7],
  ]);
  await put("tags", "set", ["red", "green"]);
  await put("events", "stream", [["*", [["kind", "login"]]]]);
  await put(MARKUP, "string", ["text"]);
  await put(BINARY, "string", [{ $bytes: Buffer.from([1, 2, 254]).toString("base64") }]);
  await put("line\nbreak", "string", ["x"]);
  return database;
}

const read = (database: Json, name: unknown): Promise<Json> =>
  here.api.post(`/databases/${database.id}/keys/read`, { name });

test("keys of every type are found, read, changed, and put back", async () => {
  const database = await filled("shop-keys");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=keys`);
  const tree = page.getByRole("tree", { name: "Keys" });
  const open = (name: string | RegExp) => tree.getByRole("treeitem", { name }).first().click();
  await open(/^page:home/);
  await page.getByText('"title": "Home"').waitFor();
  await page
    .getByText(/expires in 2 h|expires in 119 min/)
    .first()
    .waitFor();
  await picture(page, "keys-string");
  expect(await axe(page, { within: "main" })).toEqual([]);

  await page.getByRole("button", { name: "Edit value" }).click();
  await page.getByRole("textbox", { name: "Value" }).fill('{"title":"New"}');
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText('"title": "New"').waitFor();
  const kept = await read(database, "page:home");
  expect(kept.elements).toEqual(['{"title":"New"}']);
  expect(kept.expires_at).not.toBe(null);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText('"title": "Home"').waitFor();

  await open(/^cart:2:owner/);
  await page.getByRole("gridcell", { name: "Ada", exact: true }).dblclick();
  await page.getByRole("textbox", { name: "value" }).fill("Grace");
  await page.getByRole("button", { name: "Change value" }).click();
  await page.getByRole("gridcell", { name: "Grace" }).waitFor();
  await page.getByRole("button", { name: "Add elements" }).click();
  await page.getByRole("textbox", { name: "field 1" }).fill("city");
  await page.getByRole("textbox", { name: "value 1" }).fill("Oslo");
  await page.getByRole("dialog").getByRole("button", { name: "Add elements" }).click();
  await page.getByRole("gridcell", { name: "Oslo" }).waitFor();
  await picture(page, "keys-hash");
  const fields = Object.fromEntries((await read(database, "cart:2:owner")).elements);
  expect(fields).toEqual({ name: "Grace", mail: "ada@example.org", city: "Oslo" });

  await open(/^scores/);
  await page.getByRole("checkbox", { name: "Select row" }).nth(1).click();
  await page.getByRole("button", { name: "Remove elements" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove elements" }).click();
  await expect.poll(async () => (await read(database, "scores")).elements.length).toBe(1);
  await page.getByText("1 element removed").waitFor();
  await page.getByRole("button", { name: "Undo" }).last().click();
  await expect.poll(async () => (await read(database, "scores")).elements.length).toBe(2);

  await open(/^events/);
  await page.getByText('"kind":"login"').waitFor();
  await open(/^tags/);
  await page.getByRole("gridcell", { name: "green" }).waitFor();
  expect(await page.evaluate(() => (globalThis as { ran?: number }).ran ?? null)).toBe(null);
  expect(errors).toEqual([]);
  await context.close();
});

test("binary and awkward names are told apart; expiry, renaming and deleting can be taken back", async () => {
  const database = await filled("awkward-keys");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=keys`);
  const tree = page.getByRole("tree", { name: "Keys" });
  await tree.getByText("line\\x0abreak").waitFor();
  await tree.getByText(MARKUP).waitFor();
  await tree.getByText("\\x00\\xffa").click();
  await page.getByText("01 02 fe").waitFor();
  await page.getByRole("button", { name: "Edit value" }).click();
  await page.getByRole("textbox", { name: "Value" }).fill("zz");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("This is not hexadecimal.").waitFor();
  await page.getByRole("textbox", { name: "Value" }).fill("00 ff");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("00 ff", { exact: false }).first().waitFor();
  await expect.poll(async () => (await read(database, BINARY)).elements[0]).toEqual({ $bytes: "AP8=" });

  await page.getByRole("button", { name: "More" }).last().click();
  await page.getByRole("menuitem", { name: "Change expiry" }).click();
  await page.getByLabel("Expires in").fill("3");
  await page.getByLabel("Unit").selectOption("h");
  await page.getByRole("button", { name: "Set expiry" }).click();
  await page
    .getByText(/expires in (3 h|179 min)/)
    .first()
    .waitFor();
  expect((await read(database, BINARY)).expires_at).not.toBe(null);

  await page.getByRole("button", { name: "More" }).last().click();
  await page.getByRole("menuitem", { name: "Rename key" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("\\x00b\\xff");
  await page.getByRole("button", { name: "Rename key" }).click();
  await page.getByRole("heading", { name: "\\x00b\\xff" }).waitFor();
  const renamed = { $bytes: Buffer.from([0, 98, 255]).toString("base64") };
  expect((await read(database, renamed)).elements[0]).toEqual({ $bytes: "AP8=" });

  await page.getByRole("button", { name: "More" }).last().click();
  await page.getByRole("menuitem", { name: "Delete key" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete key" }).click();
  await page.getByText("Choose a key").waitFor();
  await expect(read(database, renamed)).rejects.toThrow("key_absent");
  await page.getByRole("button", { name: "Undo" }).last().click();
  await expect
    .poll(() =>
      read(database, renamed).then(
        (value) => value.elements[0],
        () => null,
      ),
    )
    .toEqual({ $bytes: "AP8=" });

  await page.keyboard.press("Escape");
  await page.getByRole("searchbox", { name: "Find keys" }).fill("cart");
  await page.keyboard.press("Enter");
  await page.getByText("2 keys").waitFor();
  await page.getByRole("button", { name: "Show as a tree" }).click();
  await tree.getByRole("treeitem", { name: "cart:" }).waitFor();
  await tree.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "cart:1:lines" }).waitFor();
  await picture(page, "keys-tree");
  expect(page.url()).not.toContain("lines");

  await page.keyboard.press("Shift+N");
  await page.getByRole("dialog").getByLabel("Name").fill("cart:3:new");
  await page.getByRole("dialog").getByLabel("Type").selectOption("set");
  await page.getByRole("dialog").getByLabel("Value").fill("one\ntwo");
  await picture(page, "keys-new");
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("heading", { name: "cart:3:new" }).waitFor();
  expect((await read(database, "cart:3:new")).elements.toSorted()).toEqual(["one", "two"]);
  expect(errors).toEqual([]);
  await context.close();
});

test("commands are answered, and write only when that is allowed", async () => {
  const database = await filled("commands");
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/databases/${database.id}?tab=console`);
  const line = page.getByRole("textbox", { name: "Command" });
  const ask = async (text: string) => {
    await line.fill(text);
    await page.keyboard.press("Enter");
  };
  await ask("LRANGE cart:1:lines 0 -1");
  await page.getByText(`3) ${MARKUP}`, { exact: false }).waitFor();
  await ask("SET written 1");
  await page.getByRole("button", { name: "Run with write access" }).click();
  await expect
    .poll(() =>
      read(database, "written").then(
        (value) => value.elements[0],
        () => null,
      ),
    )
    .toBe("1");
  await ask("NONSENSE");
  await page.getByText("There is no command 'nonsense'.").waitFor();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  expect(await line.inputValue()).toBe("SET written 1");
  await picture(page, "keys-console");
  expect(await axe(page, { within: "main" })).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});
