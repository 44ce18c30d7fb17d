// A worker's life in the dashboard: made, changed, deployed, called; its cases; the keys it keeps.
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { house, signedIn } from "./kit/browser";
import { axe } from "./kit/checks";
import { picture } from "./kit/picture";

const here = house();
const PLACE = "/workers";

/** Pasted: what is typed gets the editor's own indents. */
async function typeCode(page: Page, text: string): Promise<void> {
  await page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
  await page.locator("[data-editor=code] .view-lines").click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Control+v");
}

const code = (answer: string) => `from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("asked for", request.url)
        return ${answer}
`;

test("a worker is made, changed, broken, mended and called; a case is kept", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api, {
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await page.goto(here.server.url + PLACE);
  await page.getByRole("button", { name: "New worker" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("shop-api");
  await page.getByLabel("Begin with").selectOption("counter");
  await page.getByRole("button", { name: "Create worker" }).click();
  await page.waitForURL(/tab=editor/);
  await page.locator("[data-editor=code] .view-lines").getByText("WorkerEntrypoint").first().waitFor();
  await page.getByText("Version 1, not deployed yet").waitFor();
  await picture(page, "code-editor");
  expect(await axe(page, { within: "main" })).toEqual([]);

  // What its bindings want is made when that is agreed to.
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByText("Not deployed", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Make what is missing and deploy" }).click();
  await page.getByText("takes all requests").waitFor({ timeout: 30_000 });
  await page.getByText("As deployed, version 1").waitFor();

  // Completion knows the names in env, and what stands behind them.
  await page.locator("[data-editor=code] .view-lines").click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("\nx = self.env.");
  await page.locator(".suggest-widget").getByText("VISITS").first().waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type(".getW");
  await page.locator(".suggest-widget").getByText("getWithMetadata").first().waitFor();
  await picture(page, "code-complete");
  await page.keyboard.press("Escape");

  // A tab that is lost loses nothing.
  await page.waitForTimeout(500);
  await page.reload();
  await page.getByText("1 file changed, kept in this browser").waitFor();
  await page.locator("[data-editor=code] .view-lines").getByText("self.env.VISITS.getW").first().waitFor();

  // What cannot be imported is refused and marked where it is wrong; what was deployed goes on.
  await typeCode(page, `${code('Response("never")')}\nraise RuntimeError("at import")\n`);
  await page.keyboard.press("Control+Shift+s");
  await page.getByText("Not deployed", { exact: true }).waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: /src\/entry\.py, line 9.*at import/ }).click();
  await page.locator(".squiggly-error").first().waitFor();
  await picture(page, "code-broken");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "code-broken-dark");
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  // Colours are on their way for a moment: what is wrong is wrong afterwards too.
  await expect.poll(() => axe(page, { within: "main" }), { timeout: 10_000 }).toEqual([]);
  await page.emulateMedia({ colorScheme: "light" });

  const [shop] = (await here.api.get("/workers?name=shop-api")).items;
  expect((await here.api.get(`/workers/${shop.id}/deployments`)).items).toHaveLength(1);

  // It goes when that is meant, and the version before can have the requests again.
  await page.getByRole("button", { name: "Deploy anyway" }).click();
  await page.getByText("is deployed, but cannot start").waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: "Go back to the version before" }).click();
  await page.getByText("Version 1 takes the requests again").waitFor();

  // Files: one more, renamed, taken back.
  await page.getByRole("button", { name: "New file" }).last().click();
  await page.getByLabel("Path", { exact: true }).fill("src/texts.py");
  await page.getByRole("button", { name: "Add file" }).click();
  await page.locator("[data-editor=code] .view-lines").waitFor();
  await typeCode(page, 'GREETING = "hello from a file"\n');
  await page.getByRole("button", { name: "More with src/texts.py" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByLabel("Path", { exact: true }).fill("src/words.py");
  await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
  await page.getByRole("navigation", { name: "Files" }).getByText("words.py").waitFor();
  await page.getByRole("navigation", { name: "Files" }).getByText("entry.py").click();
  await page.locator("[data-editor=code] .view-lines").getByText("at import").waitFor();
  await typeCode(
    page,
    code('Response.from_json({"said": GREETING})')
      .replace("import Response", "import Response")
      .replace("\n\n\nclass", "\nfrom words import GREETING\n\n\nclass"),
  );
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByText("takes all requests").waitFor({ timeout: 30_000 });

  await page.getByRole("tab", { name: "Test console" }).click();
  await page.getByLabel("Path with query").fill("/greet?loud=1");
  await page.keyboard.press("Alt+Enter");
  await page.locator("[data-answer]").getByText('"said": "hello from a file"').waitFor();
  await page.getByText("asked for").waitFor({ timeout: 15_000 });
  await picture(page, "console");
  expect(await axe(page, { within: "main" })).toEqual([]);

  await page.getByRole("button", { name: "Save as case" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("greets");
  await page.getByLabel("The body must contain").fill("hello");
  await page.getByRole("dialog").getByRole("button", { name: "Save as case" }).click();
  await page.getByRole("button", { name: "Run greets" }).waitFor();
  await page.getByRole("button", { name: "Save as case" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("refuses");
  await page.getByLabel("Expected status").fill("418");
  await page.getByRole("dialog").getByRole("button", { name: "Save as case" }).click();
  await page.getByRole("button", { name: "Run all" }).click();
  await page.getByText("1 of 2 passed").waitFor();
  await page.getByText("The status is 200, not 418.").waitFor();
  await picture(page, "console-cases");
  await filledIn(page, shop.id);
  await page.setViewportSize({ width: 390, height: 844 });
  await picture(page, "console-phone");
  await page.getByRole("tab", { name: "Editor" }).click();
  await page.locator("[data-editor=code] .view-lines").waitFor();
  await picture(page, "code-phone");
  expect(errors).toEqual([]);
  await context.close();
});

const ROUTES = [
  {
    method: "PUT",
    path: "/orders/{id}",
    summary: "Change an order",
    params: { properties: { id: { type: "integer", minimum: 1 } } },
    query: {
      properties: {
        dry: { type: "boolean", description: "Change nothing" },
        tag: { type: "array", items: { type: "string" } },
      },
    },
    headers: { properties: { "x-trace": { type: "string", maxLength: 40 } } },
    body: {
      type: "object",
      required: ["customer", "items"],
      additionalProperties: false,
      properties: {
        customer: {
          type: "object",
          required: ["name"],
          properties: { name: { type: "string", minLength: 1 }, email: { type: "string", format: "email" } },
        },
        items: {
          type: "array",
          minItems: 1,
          items: {
            type: "object",
            required: ["sku", "price"],
            properties: { sku: { type: "string" }, price: { type: "number", minimum: 0 } },
          },
        },
        state: { enum: ["new", "paid", "sent"], default: "new", description: "Where it is on its way" },
        due: { type: "string", format: "date-time" },
        gift: { type: "boolean" },
        note: { oneOf: [{ type: "string" }, { type: "object" }] },
      },
    },
  },
  { method: "GET", path: "/orders", query: { properties: { limit: { type: "integer", maximum: 100 } } } },
];

/** Routes that only the worker's own document tells: read once it is asked for, and by itself the next time. */
test("a FastAPI worker's own document becomes a form", async () => {
  const { api } = here;
  const worker = await api.post("/workers", { environment_id: (await api.environment()).id, name: "own-api" });
  const version = await api.post(`/workers/${worker.id}/versions/files`, {
    files: {
      "wrangler.json": {
        text: JSON.stringify({ name: "own-api", main: "entry.py", compatibility_date: "2026-01-01" }),
      },
      "entry.py": { text: OWN },
    },
  });
  await api.post(`/workers/${worker.id}/deployments`, { version_id: version.id });
  for (const options of [{}, { colorScheme: "dark" as const }, { viewport: { width: 390, height: 844 } }]) {
    const { page, errors, context } = await signedIn(here.browser, here.server, api, options);
    await page.goto(`${here.server.url}/workers/${worker.id}?tab=console`);
    const ask = page.getByRole("button", { name: "Read /openapi.json" });
    await ask.waitFor();
    expect(await page.getByLabel("Route", { exact: true }).count()).toBe(0);
    await ask.click();
    await page.getByLabel("Route", { exact: true }).selectOption("PUT /items/{item_id}");
    await page.getByLabel("item_id").fill("7");
    await page.getByLabel("name", { exact: true }).fill("tea");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("PUT /items/7 tea").waitFor();
    await picture(page, `own-document-${Object.keys(options)[0] ?? "light"}`);
    expect(await axe(page)).toEqual([]);
    await page.reload();
    await page.getByLabel("Route", { exact: true }).waitFor();
    expect(await ask.count()).toBe(0);
    expect(errors).toEqual([]);
    await context.close();
  }
});

const OWN = `import json

ITEM = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
PUT = {
    "summary": "Update Item",
    "parameters": [{"name": "item_id", "in": "path", "required": True, "schema": {"type": "integer"}}],
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}},
}
DOCUMENT = {
    "openapi": "3.1.0", "info": {"title": "Own", "version": "1"},
    "paths": {"/items/{item_id}": {"put": PUT}}, "components": {"schemas": {"Item": ITEM}},
}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    text = json.dumps(DOCUMENT)
    if scope["path"] != "/openapi.json":
        told = await receive()
        text = f"{scope['method']} {scope['path']} {json.loads(told['body'])['name']}"
    headers = [(b"content-type", b"application/json" if scope["path"] == "/openapi.json" else b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
`;

/** A request by the schemas of its route: refused, marked at the field, mended, and the same when it is read as text. */
async function filledIn(page: Page, worker: string): Promise<void> {
  const { id } = await here.api.post(`/workers/${worker}/versions/files`, {
    files: {
      "wrangler.json": {
        text: JSON.stringify({
          name: "shop-api",
          main: "entry.py",
          compatibility_date: "2026-01-01",
          compatibility_flags: ["python_workers"],
          holdfast: { routes: ROUTES },
        }),
      },
      "entry.py": {
        text: `from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response.from_json({"url": request.url, "sent": await request.json()})
`,
      },
    },
  });
  await here.api.post(`/workers/${worker}/deployments`, { version_id: id });
  await page.reload();
  const main = page.getByRole("main");
  await page.getByLabel("Route", { exact: true }).selectOption("PUT /orders/{id}");
  const body = page.getByRole("group", { name: "Body", exact: true });
  await page.getByLabel("id", { exact: true }).fill("7");
  await page.getByLabel("dry", { exact: true }).selectOption("true");
  await page.getByRole("button", { name: "Add to tag" }).click();
  await page.getByLabel("tag[0]", { exact: true }).fill("a&b");
  await body.getByLabel("name", { exact: true }).fill("Ada");
  await body.getByRole("button", { name: "Add to items" }).click();
  await body.getByLabel("sku", { exact: true }).fill("tea");
  await body.getByLabel("price", { exact: true }).pressSequentially("-1.50");
  await body.getByLabel("state", { exact: true }).selectOption("paid");
  await body.getByRole("button", { name: "Now in due" }).click();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await body.getByText("must be at least 0").waitFor({ timeout: 30_000 });
  expect(await body.getByLabel("price", { exact: true }).getAttribute("aria-invalid")).toBe("true");
  expect(await axe(page, { within: "main" })).toEqual([]);
  await wide(page, "console-form");

  await body.getByLabel("price", { exact: true }).fill("1.50");
  await body.getByText("must be at least 0").waitFor({ state: "detached" });
  await body.getByLabel("note", { exact: true }).fill('{"by": [1]}');
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await main.locator("[data-answer]").getByText('/orders/7?dry=true&tag=a%26b"').waitFor();
  await main.locator("[data-answer]").getByText('"price": 1.5').waitFor();

  await page.getByText("Raw", { exact: true }).click();
  expect(await page.getByLabel("Path with query").inputValue()).toBe("/orders/7?dry=true&tag=a%26b");
  const text = page.getByLabel("Body", { exact: true });
  const { due, ...sent } = JSON.parse(await text.inputValue());
  expect(sent).toEqual({
    customer: { name: "Ada" },
    items: [{ sku: "tea", price: 1.5 }],
    state: "paid",
    note: { by: [1] },
  });
  expect(Math.abs(Date.parse(due) - Date.now())).toBeLessThan(60_000);
  await text.fill(JSON.stringify({ ...sent, customer: { name: "Bea" }, extra: 1 }));
  await page.getByText("Form", { exact: true }).click();
  expect(await body.getByLabel("name", { exact: true }).inputValue()).toBe("Bea");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await body.getByText("body.extra is not known here").waitFor();
  await page.getByLabel("Route", { exact: true }).selectOption("GET /orders");
  await expect.poll(() => page.locator("[data-request]").innerText()).toBe("GET /orders");
}

/** Light, dark, and as wide as a phone. */
async function wide(page: Page, name: string): Promise<void> {
  if (!process.env.HOLDFAST_PICTURES) return;
  for (const [way, colorScheme, width, height] of [
    ["light", "light", 1280, 1500],
    ["dark", "dark", 1280, 1500],
    ["phone", "light", 390, 2400],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(400);
    await picture(page, `${name}-${way}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 800 });
}

test("keys are put, looked at, found by their beginning, deleted", async () => {
  const { page, errors, context } = await signedIn(here.browser, here.server, here.api);
  await page.goto(`${here.server.url}/kv`);
  await page.getByRole("button", { name: "New namespace" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("sessions");
  await page.getByRole("button", { name: "Create namespace" }).click();
  await page.getByText("No keys yet").waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: "Put key" }).first().click();
  await page.getByLabel("Key", { exact: true }).fill("user:1");
  await page.getByLabel("Value", { exact: true }).fill('{"name":"Ada","since":1843}');
  await page.getByLabel("Seconds it lives").fill("59");
  await page.getByLabel("Metadata", { exact: true }).fill('{"by": "hand"}');
  await page.getByRole("button", { name: "Put", exact: true }).click();
  await page.getByText("at least 60", { exact: false }).last().waitFor();
  await page.getByLabel("Seconds it lives").fill("3600");
  await page.getByRole("button", { name: "Put", exact: true }).click();
  const grid = page.getByRole("grid", { name: "Keys" });
  await grid.getByText("user:1").waitFor();
  const [namespace] = (await here.api.get("/kv-namespaces?name=sessions")).items;
  const entries = Array.from({ length: 120 }, (_, nth) => ({
    key: `cart:${String(nth).padStart(3, "0")}`,
    value: "x",
  }));
  await here.api.call("PUT", `/kv-namespaces/${namespace.id}/values/bulk`, { entries });
  await page.reload();
  await grid.getByText("cart:000").waitFor();
  await page
    .locator("[data-used]")
    .getByText(/^121 keys · \d/)
    .waitFor();
  await page.getByRole("button", { name: "Limits" }).click();
  await page.getByLabel("Keys at most").fill("121");
  await page.getByLabel("Size at most").fill("0.5");
  await picture(page, "kv-limits");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page
    .locator("[data-used]")
    .getByText(/^121 of 121 keys · .* of 512 KB$/)
    .waitFor();
  const { max_keys, max_bytes } = await here.api.get(`/kv-namespaces/${namespace.id}`);
  expect([max_keys, max_bytes]).toEqual([121, 512 * 1024]);
  await picture(page, "kv-keys");
  expect(await axe(page, { within: "main" })).toEqual([]);
  await page.getByPlaceholder("Keys that begin with").fill("user:");
  await grid.getByText("cart:000").waitFor({ state: "detached" });
  await grid.getByText("user:1").click();
  await page.locator("[data-value]").getByText('"name": "Ada"').waitFor();
  await picture(page, "kv-value");
  await page.getByRole("button", { name: "Hex" }).click();
  await page.locator("[data-value]").getByText("7b 22 6e 61 6d 65").waitFor();
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await page.getByRole("button", { name: "Delete key" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect
    .poll(async () => (await here.api.get(`/kv-namespaces/${namespace.id}/keys?prefix=user:`)).items.length)
    .toBe(1);
  const [back] = (await here.api.get(`/kv-namespaces/${namespace.id}/keys?prefix=user:`)).items;
  expect(back.metadata).toEqual({ by: "hand" });
  await missed(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 844 });
  await picture(page, "kv-phone-dark");
  expect(errors).toEqual([]);
  await context.close();
});

/** Who deletes what a worker is bound to is told of it before. */
async function missed(page: Page): Promise<void> {
  const namespaces = (await here.api.get("/kv-namespaces")).items;
  const { id } = namespaces.find((each: { name: string }) => each.name !== "sessions");
  const [shop] = (await here.api.get("/workers?name=shop-api")).items;
  const [first] = (await here.api.get(`/workers/${shop.id}/versions`)).items.slice(-1);
  await here.api.post(`/workers/${shop.id}/deployments`, { version_id: first.id });
  await page.goto(`${here.server.url}/kv/${id}`);
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Delete namespace" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("1 worker is bound to it and will fail without it: shop-api").waitFor();
  await picture(page, "kv-bound");
  await dialog.getByRole("button", { name: "Cancel" }).click();
}
