import type { House, Shown } from ".";

/** A restore, a drill, a shared file and a second snapshot to compare with. */
export async function snapshots({ api, shop, snapshot }: House): Promise<Shown[]> {
  await api.query(shop, "CREATE TABLE baskets (id integer primary key, customer integer)");
  await api.query(shop, "DELETE FROM customers WHERE id > 180");
  const later = await api.snapshot(shop);
  const restored = await api.post(`/snapshots/${snapshot.id}/restore`, { mode: "new", name: "shop-before" });
  await api.ended(restored.run);
  const drill = await api.post(`/databases/${shop.id}/drills`, { snapshot_id: later.id });
  await api.ended(drill.run);
  await api.post(`/snapshots/${snapshot.id}/downloads`, { once: true });
  const page = `/snapshots/${later.id}`;
  return [
    { name: "snapshot-tables", path: `${page}?tab=tables` },
    { name: "snapshot-rows", path: `${page}?tab=tables&table=customers` },
    { name: "snapshot-entries", path: `${page}?tab=entries` },
    { name: "snapshot-compare", path: `${page}?tab=compare&with=${snapshot.id}` },
    { name: "restores", path: "/snapshots?tab=restores" },
    { name: "files", path: "/snapshots?tab=files" },
    { name: "imports", path: "/snapshots?tab=imports" },
    { name: "drills", path: "/snapshots?tab=drills" },
    { name: "drill", path: `/snapshots/drills/${drill.drill.id}` },
    { name: "restore", path: `${page}/restore` },
    { name: "restore-where", path: `${page}/restore?step=where` },
    { name: "restore-check", path: `${page}/restore?step=check&mode=in_place` },
    { name: "restore-report", path: `/snapshots/restores/${restored.run.id}` },
  ];
}
