import { sleep } from "../server";
import type { House, Shown } from ".";

const TRIES = 150;

const CODE = (greeting: string) => `from workers import Response


async def on_fetch(request, env):
    print("asked for", request.url)
    if "broken" in request.url:
        raise ValueError("the cart is empty")
    if "sold-out" in request.url:
        return Response("nobody has it\\n", status=404)
    if "busy" in request.url:
        return Response("come again\\n", status=503)
    return Response("${greeting}\\n")


async def on_scheduled(controller, env):
    print("cleaned up")
`;

/** A worker with two versions that share the requests, called well and badly; and one that was never deployed. */
export async function workers({ api, environment }: House): Promise<Shown[]> {
  const worker = await api.post("/workers", {
    environment_id: environment.id,
    name: "shop-api",
    description: "Prices and carts of the shop.",
    colour: "blue",
    labels: { team: "shop" },
  });
  const idle = await api.post("/workers", { environment_id: environment.id, name: "thumbnails" });
  const upload = (greeting: string, tag: string, message: string) =>
    api.post(`/workers/${worker.id}/versions/files`, {
      files: {
        "wrangler.json": {
          text: JSON.stringify({
            name: "shop-api",
            main: "src/entry.py",
            compatibility_date: "2026-01-01",
            compatibility_flags: ["python_workers"],
            vars: { GREETING: greeting },
            triggers: { crons: ["15 3 * * *"] },
          }),
        },
        "src/entry.py": { text: CODE(greeting) },
      },
      tag,
      message,
    });
  const first = await upload("hello", "v1.0", "The first one");
  await api.post(`/workers/${worker.id}/deployments`, { version_id: first.id });
  const second = await upload("good morning", "v1.1", "Greets by the time of day");
  await api.post(`/workers/${worker.id}/deployments`, {
    versions: [
      { id: first.id, weight: 90 },
      { id: second.id, weight: 10 },
    ],
  });
  for (const body of [
    { path: "/", version_id: first.id },
    { path: "/new", version_id: second.id },
  ])
    await answered(() => api.post(`/workers/${worker.id}/invoke`, body));
  for (const path of ["/prices", "/broken", "/", "/sold-out", "/busy"])
    await api.post(`/workers/${worker.id}/invoke`, { path });
  await api.post(`/workers/${worker.id}/hosts`, { host: "api.example.org" });
  await api.post(`/workers/${worker.id}/keys`, { name: "shop" });
  await api.call("PUT", `/workers/${worker.id}/vars/REGION`, { value: "eu" });
  await api.call("PUT", `/workers/${worker.id}/secrets/STRIPE_KEY`, { value: "sk_test" });
  const at = `/workers/${worker.id}`;
  return [
    { name: "workers", path: "/workers" },
    { name: "worker", path: at },
    { name: "worker-versions", path: `${at}?tab=versions` },
    { name: "worker-version", path: `${at}?tab=versions&shown=${second.id}` },
    { name: "worker-deployments", path: `${at}?tab=versions&view=deployments` },
    { name: "worker-logs", path: `${at}?tab=logs` },
    { name: "worker-calls", path: `${at}?tab=logs&view=calls` },
    { name: "worker-calls-none", path: `/workers/${idle.id}?tab=logs&view=calls` },
    { name: "worker-settings", path: `${at}?tab=settings` },
    {
      name: "worker-crons",
      path: `${at}?tab=settings&part=crons`,
      acts: {
        "worker-crons": async (page) => {
          await page.getByRole("button", { name: "Run now" }).click();
          await page.getByText("OK", { exact: true }).first().waitFor();
        },
      },
    },
    ...["limits", "permits", "cors", "keys", "hosts", "variables", "danger"].map((part) => ({
      name: `worker-${part}`,
      path: `${at}?tab=settings&part=${part}`,
    })),
  ];
}

/** What runs workers is started by the first deployment: until it listens the answer is 503. */
async function answered(call: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      await call();
      return;
    } catch (error) {
      if (tries === TRIES || !String(error).includes("worker_unreachable")) throw error;
      await sleep(200);
    }
}
