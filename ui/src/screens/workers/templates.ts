/** What a new worker may begin with. Names are taken into the project file as they are. */
export interface Template {
  /** A word of `code:templates`. */
  id: string;
  files: (name: string) => Record<string, string>;
}

const project = (name: string, more: Record<string, unknown> = {}) =>
  `${JSON.stringify({ name: slug(name), main: "src/entry.py", compatibility_date: "2026-11-01", ...more }, null, 2)}\n`;

/** As the project file wants it. */
export const slug = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63) || "worker";

const HELLO = `from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("Hello from Holdfast\\n")
`;

const COUNTER = `import json

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """Counts visits of each path, in a key-value namespace."""

    async def fetch(self, request):
        path = request.url.split("/", 3)[-1]
        count = int(await self.env.VISITS.get(f"visits:{path}") or 0) + 1
        await self.env.VISITS.put(f"visits:{path}", str(count))
        return Response(json.dumps({"path": path, "visits": count}), headers={"content-type": "application/json"})
`;

const CRON = `from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("This worker runs by the clock.\\n")

    async def scheduled(self, controller):
        print("turn of", controller.cron)
`;

export const TEMPLATES: readonly Template[] = [
  { id: "hello", files: (name) => ({ "wrangler.jsonc": project(name), "src/entry.py": HELLO }) },
  {
    id: "counter",
    files: (name) => ({
      "wrangler.jsonc": project(name, { kv_namespaces: [{ binding: "VISITS" }] }),
      "src/entry.py": COUNTER,
    }),
  },
  {
    id: "cron",
    files: (name) => ({
      "wrangler.jsonc": project(name, { triggers: { crons: ["0 2 * * *"] } }),
      "src/entry.py": CRON,
    }),
  },
];
