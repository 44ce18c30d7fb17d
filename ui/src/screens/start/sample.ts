import { type DatabaseRunOut, databaseCreate, databaseList, databaseQuery, type EnvironmentOut } from "@/api";
import { asError, data, once } from "@/shell/api";

export const NAME = "sample-shop";
/** What tells a database that the guide may break from any other of that name. */
export const LABELS = { sample: "shop" };
/** The table that is dropped, and its rows. */
export const TABLE = "orders";
export const ROWS = 400;

const NAMES = ["Ada", "Budi", "Chen", "Dewi", "Emeka", "Fatima", "Goran", "Hana"];
const CITIES = ["Jakarta", "Leipzig", "Lagos", "Osaka", "Porto"];

function pick(of: readonly string[], by: string): string {
  return `CASE ${of.map((each, at) => `WHEN ${by} % ${of.length} = ${at} THEN '${each}'`).join(" ")} END`;
}

function day(by: string): string {
  return `'2026-0' || (1 + ${by} % 9) || '-' || (10 + ${by} % 18)`;
}

/** Counts `n(i)` up to `most`, while `table` is empty: run again, a statement changes nothing. */
function filled(table: string, most: number, values: string): string {
  return (
    `INSERT INTO ${table} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${most}) ` +
    `SELECT ${values} FROM n WHERE NOT EXISTS (SELECT 1 FROM ${table})`
  );
}

/** A small shop, in SQL that PostgreSQL and SQLite both speak. */
export const STATEMENTS: readonly string[] = [
  "CREATE TABLE IF NOT EXISTS customers (id integer PRIMARY KEY, name text NOT NULL, city text NOT NULL, joined text NOT NULL)",
  "CREATE TABLE IF NOT EXISTS products (id integer PRIMARY KEY, name text NOT NULL, price integer NOT NULL)",
  `CREATE TABLE IF NOT EXISTS ${TABLE} (id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES customers (id), ` +
    "product_id integer NOT NULL REFERENCES products (id), pieces integer NOT NULL, ordered text NOT NULL)",
  filled("customers", 120, `i, ${pick(NAMES, "i")} || ' ' || i, ${pick(CITIES, "i")}, ${day("i")}`),
  filled("products", 24, `i, ${pick(["Chair", "Lamp", "Desk", "Shelf"], "i")} || ' No. ' || i, 900 + i * 250`),
  filled(TABLE, ROWS, `i, 1 + (i * 7) % 120, 1 + (i * 5) % 24, 1 + i % 4, ${day("i")}`),
];

export const COUNT = `SELECT count(*) FROM ${TABLE}`;
export const SEEN =
  `SELECT ${TABLE}.id, customers.name AS customer, products.name AS product, pieces, ordered FROM ${TABLE} ` +
  `JOIN customers ON customers.id = customer_id JOIN products ON products.id = product_id ORDER BY ${TABLE}.id LIMIT 5`;

/** Restores go through without anybody's leave there, and nothing else is at risk. */
export function placeFor(environments: readonly EnvironmentOut[]): EnvironmentOut | undefined {
  return environments.find(({ kind }) => kind !== "production") ?? environments[0];
}

/** A sample that is there already is used again; a database of that name that is none is left alone. */
export async function sample(engine: string, environment: string): Promise<{ id: string; run: string | null }> {
  const there = await data(databaseList({ query: { environment_id: environment, name: NAME, limit: 100 } }));
  const old = there.items.find((each) => isSample(each) && each.engine === engine && each.state === "ready");
  if (old) return { id: old.id, run: null };
  const names = new Set(there.items.map(({ name }) => name));
  const make = (name: string): Promise<DatabaseRunOut> =>
    data(databaseCreate({ body: { engine, name, environment_id: environment, labels: LABELS }, headers: once() }));
  const spare = `${NAME}-${crypto.randomUUID().slice(0, 4)}`;
  // A deleted one keeps its name for a while, and is in no list.
  const made = await make(names.has(NAME) ? spare : NAME).catch((error) =>
    asError(error).code === "name_taken" ? make(spare) : Promise.reject(error),
  );
  return { id: made.resource.id, run: made.run.id };
}

export function isSample({ labels }: { labels: Record<string, string> }): boolean {
  return labels.sample === LABELS.sample;
}

/** One after the other; repeated, it adds nothing. */
export async function fill(database: string): Promise<void> {
  for (const statement of STATEMENTS)
    await data(databaseQuery({ path: { database_id: database }, body: { statement, write: true } }));
}
