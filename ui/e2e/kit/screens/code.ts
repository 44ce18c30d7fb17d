import type { House, Shown } from ".";

const ENTRY = `from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """Carts by visitor, in a key-value namespace."""

    async def fetch(self, request):
        cart = await self.env.CARTS.get("cart:ada", "json")
        print("asked for", request.url)
        return Response.from_json(cart)
`;

/** A worker with a namespace behind it. */
export async function code({ api, environment }: House): Promise<Shown[]> {
  const worker = await api.post("/workers", { environment_id: environment.id, name: "carts-api" });
  const project = { name: "carts-api", main: "src/entry.py", kv_namespaces: [{ binding: "CARTS" }] };
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
    { name: "worker-console", path: `/workers/${worker.id}?tab=console` },
    { name: "key-values", path: "/kv" },
    { name: "key-value", path: `/kv/${namespace.id}` },
  ];
}
