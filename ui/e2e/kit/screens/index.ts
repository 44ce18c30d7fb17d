// Every screen there is, with something on it. A file for each part of the dashboard; `FURNISHING` lists them.
import type { Page } from "playwright-core";
import type { Api, Json } from "../api";
import { access } from "./access";
import { code } from "./code";
import { data } from "./data";
import { databases } from "./databases";
import { moves } from "./moves";
import { ops } from "./ops";
import { own } from "./own";
import { snapshots } from "./snapshots";
import { start } from "./start";
import { system } from "./system";
import { watch } from "./watch";
import { workers } from "./workers";

export interface Shown {
  name: string;
  path: string;
  /** Further pictures of this page by name, each after something was done on it, or under the page's own name the only
   * one; the walks leave them out. */
  acts?: Readonly<Record<string, (page: Page) => Promise<void>>>;
}

/** What the parts share: made once, before any of them. */
export interface House {
  api: Api;
  environment: Json;
  /** SQLite with a table `customers` of 200 rows and one snapshot. */
  shop: Json;
  snapshot: Json;
  repository: Json;
}

const FURNISHING: readonly ((house: House) => Promise<Shown[]>)[] = [
  databases,
  own,
  access,
  system,
  ops,
  moves,
  data,
  code,
  start,
  snapshots,
  watch,
  workers,
];

/** Fills a server with a little of everything, and says where each screen is. */
export async function furnished(api: Api): Promise<Shown[]> {
  const shop = await api.database("sqlite", "shop");
  await api.query(shop, "CREATE TABLE customers (id integer primary key, name text not null, joined text)");
  await api.query(
    shop,
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) " +
      "INSERT INTO customers SELECT i, 'Customer ' || i, '2026-01-01' FROM n",
  );
  const snapshot = await api.snapshot(shop);
  const repository: Json = (await api.get("/repositories")).items[0];
  const house = { api, shop, snapshot, repository, environment: await api.environment() };
  const shown: Shown[] = [];
  for (const furnish of FURNISHING) shown.push(...(await furnish(house)));
  return shown;
}
