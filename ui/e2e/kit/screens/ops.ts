import type { Json } from "../api";
import type { House, Shown } from ".";

const CONNECTIONS = ["sessions", "logins", "tunnels", "network"];
const SETTINGS = ["engine", "retention", "upkeep", "upgrade", "danger"];

/** The parts of a database's Connections and Settings, one that was deleted, and the list of those. */
export async function ops({ api }: House): Promise<Shown[]> {
  const house = await api.database("postgresql", "warehouse");
  await api.query(house, "CREATE TABLE parts AS SELECT g AS id FROM generate_series(1, 500) AS g");
  await api.snapshot(house);
  await api.call("PATCH", `/databases/${house.id}`, {
    colour: "teal",
    labels: { team: "shop", tier: "gold" },
    notes: "Ask Sari before resizing.",
  });
  await api.post(`/databases/${house.id}/logins`, { name: "reporting", access: "ro" });
  const gone = await api.database("sqlite", "old");
  await api.ended((await api.call("DELETE", `/databases/${gone.id}`, { confirm: "old" })).run);
  const theirs = await registered(api, house);
  const at = (tab: string, part: string) => `/databases/${house.id}?tab=${tab}&part=${part}`;
  return [
    { name: "database-overview", path: `/databases/${house.id}` },
    { name: "database-connections", path: `/databases/${house.id}?tab=connections` },
    ...CONNECTIONS.map((part) => ({ name: `database-${part}`, path: at("connections", part) })),
    { name: "database-settings", path: `/databases/${house.id}?tab=settings` },
    ...SETTINGS.map((part) => ({ name: `database-settings-${part}`, path: at("settings", part) })),
    { name: "database-deleted", path: `/databases/${gone.id}` },
    { name: "databases-deleted", path: "/databases?deleted=yes" },
    { name: "external-database", path: `/databases/${theirs.id}?tab=connections&part=server` },
  ];
}

/** One that cannot be reached: nothing of this machine may be called unless the server's operator opens it. */
async function registered(api: House["api"], beside: Json): Promise<Json> {
  const made = await api.post("/databases/external", {
    environment_id: beside.environment_id,
    engine: "postgresql",
    name: "legacy",
    target: { host: "127.0.0.1", port: 9, database: "legacy", user: "app", password: "x", tls: "disable" },
  });
  await api.ended(made.run).catch(() => undefined);
  return made.resource;
}
