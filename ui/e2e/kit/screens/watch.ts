import type { Api, Json } from "../api";
import { sleep } from "../server";
import type { House, Shown } from ".";

/** A run that failed and the alert of it, a channel and a rule, and a row of the log with a before and an after. */
export async function watch({ api, snapshot }: House): Promise<Shown[]> {
  const { version } = await api.get(`/snapshots/${snapshot.id}`);
  await api.call("PATCH", `/snapshots/${snapshot.id}`, { tags: ["before-launch"] }, version);
  const channel: Json = await api.post("/alert-channels", {
    name: "on-call",
    kind: "webhook",
    webhook: { url: "https://hooks.example.org/in" },
  });
  await api.post(`/alert-channels/${channel.id}/test`);
  await api.post("/alert-rules", { name: "quiet nights", mode: "digest", events: ["backup_failed", "run_failed"] });
  const failed = await failedRun(api);
  const alert = await first(api, "/alerts?type=run_failed");
  const delivery = await first(api, "/alert-deliveries");
  const row = await first(api, "/audit?action=snapshot.update");
  return [
    { name: "activity-feed", path: "/activity?tab=feed" },
    { name: "audit", path: "/activity?tab=audit" },
    { name: "audit-row", path: `/activity?tab=audit&row=${row.seq}` },
    { name: "run-failed", path: `/runs/${failed.id}` },
    { name: "alerts", path: "/alerts" },
    { name: "alert", path: `/alerts?alert=${alert.id}` },
    { name: "deliveries", path: "/alerts?tab=deliveries" },
    { name: "delivery", path: `/alerts?tab=deliveries&delivery=${delivery.id}` },
    { name: "alert-channels", path: "/settings/alert-channels" },
    { name: "alert-channel", path: `/settings/alert-channels?channel=${channel.id}` },
    { name: "alert-rules", path: "/settings/alert-rules" },
  ];
}

/** Migrations that cannot be applied: the second finds no table. */
export async function failedRun(api: Api, name = "ledger"): Promise<Json> {
  const database = await api.database("sqlite", name);
  await api.post(`/databases/${database.id}/migrations`, { name: "first", up: "CREATE TABLE entries (id integer)" });
  await api.post(`/databases/${database.id}/migrations`, { name: "second", up: "ALTER TABLE entreis ADD note text" });
  const { run } = await api.post(`/databases/${database.id}/migrations/apply`, { snapshot: false });
  await api.ended(run).catch(() => null);
  return run;
}

/** The newest of a list, once there is one. */
export async function first(api: Api, path: string): Promise<Json> {
  for (let tries = 0; tries < 300; tries++) {
    const [found] = (await api.get(path)).items;
    if (found) return found;
    await sleep(100);
  }
  throw new Error(`nothing comes to ${path}`);
}
