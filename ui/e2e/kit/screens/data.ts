import type { House, Shown } from ".";

export async function data({ api }: House): Promise<Shown[]> {
  const keys = await api.database("valkey", "carts");
  const put = (name: string, type: string, elements: unknown[]) =>
    api.call("PUT", `/databases/${keys.id}/keys`, { name, type, elements });
  await put("cart:1:lines", "list", ["apples", "pears"]);
  await put("cart:2:owner", "hash", [["name", "Ada"]]);
  await put("page:home", "string", ['{"title":"Home"}']);
  await put("scores", "zset", [["ada", 12.5]]);
  return [
    { name: "database-keys", path: `/databases/${keys.id}?tab=keys` },
    { name: "database-console", path: `/databases/${keys.id}?tab=console` },
  ];
}
