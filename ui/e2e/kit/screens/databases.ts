import type { Json } from "../api";
import type { House, Shown } from ".";

export async function databases({ api, environment, shop, snapshot, repository }: House): Promise<Shown[]> {
  await api.database("postgresql", "orders");
  await api.database("valkey", "sessions");
  const plan = await api.post(`/projects/${environment.project_id}/plans`, {
    name: "Nightly",
    description: "Everything, every night",
    selection: { all: true },
    schedules: [{ cron: "0 2 * * *", tz: "Europe/Berlin" }],
    retention: { daily: 7, weekly: 4, monthly: 12, minimum: 1 },
  });
  const run: Json = (await api.get("/runs")).items[0];
  return [
    { name: "overview", path: "/" },
    { name: "databases", path: "/databases" },
    { name: "database", path: `/databases/${shop.id}` },
    { name: "database-tables", path: `/databases/${shop.id}?tab=tables` },
    { name: "database-sql", path: `/databases/${shop.id}?tab=sql` },
    { name: "snapshots", path: "/snapshots" },
    { name: "snapshot", path: `/snapshots/${snapshot.id}` },
    { name: "plans", path: "/plans" },
    { name: "plan", path: `/plans/${plan.id}` },
    { name: "plan-retention", path: `/plans/${plan.id}?tab=retention` },
    { name: "repositories", path: "/repositories" },
    { name: "repository", path: `/repositories/${repository.id}` },
    { name: "activity", path: "/activity" },
    { name: "run", path: `/runs/${run.id}` },
  ];
}
