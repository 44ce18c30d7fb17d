// Every screen there is, with something on it.
import type { Api, Json } from "./api";

export interface Shown {
  name: string;
  path: string;
}

/** Fills a server with a little of everything, and says where each screen is. */
export async function furnished(api: Api): Promise<Shown[]> {
  const shop = await api.database("sqlite", "shop");
  await api.query(shop, "CREATE TABLE customers (id integer primary key, name text not null, joined text)");
  await api.query(
    shop,
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) " +
      "INSERT INTO customers SELECT i, 'Customer ' || i, '2026-01-01' FROM n",
  );
  await api.database("postgresql", "orders");
  await api.database("valkey", "sessions");
  const snapshot = await api.snapshot(shop);
  const environment = await api.environment();
  const plan = await api.post(`/projects/${environment.project_id}/plans`, {
    name: "Nightly",
    description: "Everything, every night",
    selection: { all: true },
    schedules: [{ cron: "0 2 * * *", tz: "Europe/Berlin" }],
    retention: { daily: 7, weekly: 4, monthly: 12, minimum: 1 },
  });
  const repository: Json = (await api.get("/repositories")).items[0];
  const run: Json = (await api.get("/runs")).items[0];
  return [
    { name: "overview", path: "/" },
    { name: "databases", path: "/databases" },
    { name: "database", path: `/databases/${shop.id}` },
    { name: "database-tables", path: `/databases/${shop.id}?tab=tables` },
    { name: "snapshots", path: "/snapshots" },
    { name: "snapshot", path: `/snapshots/${snapshot.id}` },
    { name: "plans", path: "/plans" },
    { name: "plan", path: `/plans/${plan.id}` },
    { name: "plan-retention", path: `/plans/${plan.id}?tab=retention` },
    { name: "repositories", path: "/repositories" },
    { name: "repository", path: `/repositories/${repository.id}` },
    { name: "activity", path: "/activity" },
    { name: "run", path: `/runs/${run.id}` },
    { name: "settings", path: "/settings" },
  ];
}
