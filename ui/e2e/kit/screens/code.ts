import type { Page } from "playwright-core";
import type { House, Shown } from ".";

const ENTRY = `import json

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """Carts by visitor, in a key-value namespace."""

    async def fetch(self, request):
        key = "cart:" + request.url.rsplit("/", 1)[-1]
        print(request.method, key)
        if request.method == "PUT":
            cart = await request.json()
            await self.env.CARTS.put(key, json.dumps(cart))
            return Response.from_json({"key": key, "lines": len(cart["lines"])})
        return Response.from_json(await self.env.CARTS.get(key, "json"))
`;

const VISITOR = { properties: { visitor: { type: "string", maxLength: 40 } } };
const ROUTES = [
  {
    method: "PUT",
    path: "/carts/{visitor}",
    summary: "Fill a cart",
    params: VISITOR,
    body: {
      type: "object",
      required: ["lines"],
      additionalProperties: false,
      properties: {
        lines: {
          type: "array",
          minItems: 1,
          items: {
            type: "object",
            required: ["sku", "price"],
            properties: { sku: { type: "string", minLength: 1 }, price: { type: "number", minimum: 0 } },
          },
        },
        gift: { type: "boolean", description: "Wrapped, without the prices" },
      },
    },
  },
  { method: "GET", path: "/carts/{visitor}", summary: "Look into a cart", params: VISITOR },
];

/** Fills the form of the first route and sends it: refused for its price, then answered. */
async function sent(page: Page, price: string): Promise<void> {
  await page.getByLabel("Route", { exact: true }).selectOption("PUT /carts/{visitor}");
  const body = page.getByRole("group", { name: "Body", exact: true });
  await page.getByLabel("visitor", { exact: true }).fill("grace");
  await body.getByRole("button", { name: "Add to lines" }).click();
  await body.getByLabel("sku", { exact: true }).fill("pears");
  await body.getByLabel("price", { exact: true }).fill(price);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.locator("[data-answer]").scrollIntoViewIfNeeded();
}

/** A worker with a namespace behind it. */
export async function code({ api, environment }: House): Promise<Shown[]> {
  const worker = await api.post("/workers", { environment_id: environment.id, name: "carts-api" });
  const project = {
    name: "carts-api",
    main: "src/entry.py",
    kv_namespaces: [{ binding: "CARTS" }],
    holdfast: { routes: ROUTES },
  };
  const version = await api.post(`/workers/${worker.id}/versions/files`, {
    files: {
      "wrangler.jsonc": { text: `${JSON.stringify(project, null, 2)}\n` },
      "src/entry.py": { text: ENTRY },
      "README.md": { text: "# Carts\n" },
    },
  });
  await api.post(`/workers/${worker.id}/deployments`, { version_id: version.id, create_missing: true });
  await api.call("PUT", `/workers/${worker.id}/cases/${encodeURIComponent("has a cart")}`, {
    request: { path: "/carts/ada" },
    expected: { status: 200, contains: "apples" },
  });
  const [namespace] = (await api.get(`/kv-namespaces?environment_id=${environment.id}&name=CARTS`)).items;
  await api.ended({ id: namespace.run_id });
  const value = JSON.stringify({ lines: ["apples", "pears"] });
  await api.call("PUT", `/kv-namespaces/${namespace.id}/values/bulk`, {
    entries: [
      { key: "cart:ada", value, metadata: { lines: 2 } },
      { key: "cart:grace", value, metadata: { lines: 2 }, expiration_ttl: 86_400 },
    ],
  });
  return [
    { name: "worker-editor", path: `/workers/${worker.id}?tab=editor` },
    {
      name: "worker-console",
      path: `/workers/${worker.id}?tab=console`,
      acts: {
        "worker-console-refused": (page) => sent(page, "-1.5"),
        "worker-console-answered": (page) => sent(page, "1.5"),
      },
    },
    { name: "key-values", path: "/kv" },
    {
      name: "key-value",
      path: `/kv/${namespace.id}`,
      acts: {
        "key-value-shown": async (page) => {
          await page.getByRole("grid", { name: "Keys" }).getByText("cart:ada").click();
          await page.locator("[data-value]").waitFor();
        },
      },
    },
  ];
}
