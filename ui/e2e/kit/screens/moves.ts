import type { Json } from "../api";
import type { House, Shown } from ".";

/** Migrations, rows in and out, moves, savings and file keys, each with something on it. */
export async function moves({ api, environment, shop, repository }: House): Promise<Shown[]> {
  const path = `/databases/${shop.id}`;
  const migrations = [
    [
      "add-orders",
      "CREATE TABLE orders (id integer PRIMARY KEY, customer integer, total numeric)",
      "DROP TABLE orders",
    ],
    ["orders-by-customer", "CREATE INDEX orders_by_customer ON orders (customer)", "DROP INDEX orders_by_customer"],
  ];
  for (const [name, up, down] of migrations) await api.post(`${path}/migrations`, { name, up, down });
  await api.ended((await api.post(`${path}/migrations/apply`, { to: 1 })).run);
  await api.query(shop, "ALTER TABLE customers ADD COLUMN besides text");
  const exported: Json = await api.post(`${path}/exports`, { format: "csv", table: "customers" });
  await api.ended(exported.run);
  const planned: Json = await api.post(`${path}/moves`, { engine: "postgresql", name: "shop-pg" });
  await api.ended(planned.run);
  await api.post(`/projects/${environment.project_id}/file-keys`, { name: "offsite", kind: "age-identity" });
  return [
    { name: "migrations", path: `${path}?tab=migrations` },
    { name: "migrations-drift", path: `${path}?tab=migrations&view=drift` },
    { name: "migrations-history", path: `${path}?tab=migrations&view=history` },
    { name: "import-export", path: `${path}?tab=transfers` },
    { name: "import-export-imports", path: `${path}?tab=transfers&view=imports` },
    { name: "moves", path: `${path}?tab=moves` },
    { name: "savings", path: "/repositories?tab=savings" },
    { name: "repositories-upkeep", path: `/repositories/${repository.id}?tab=savings` },
    { name: "repository-contents", path: `/repositories/${repository.id}?tab=contents` },
    { name: "file-keys", path: "/settings/file-keys" },
    { name: "plans-late", path: "/plans?tab=late" },
    { name: "plans-gaps", path: "/plans?tab=gaps" },
    { name: "plans-unprotected", path: "/plans?tab=unprotected" },
    { name: "plans-turns", path: "/plans?tab=turns" },
  ];
}
