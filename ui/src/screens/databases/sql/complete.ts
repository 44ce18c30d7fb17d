import { type Source, scopeAt } from "./scope";

export interface CatalogColumn {
  name: string;
  type: string | null;
}
export interface CatalogTable {
  schema: string;
  name: string;
  kind: string;
  columns: readonly CatalogColumn[];
}
/** What the editor knows of the database. */
export interface Known {
  tables: readonly CatalogTable[];
  schemas: readonly string[];
}

export interface Proposal {
  kind: "column" | "table" | "schema" | "alias" | "word";
  label: string;
  insert: string;
  detail: string;
  /** Lower comes first. */
  rank: number;
}

const WORDS = (
  "select from where group by order by having limit offset insert into values update set delete create table view index " +
  "unique primary key foreign references not null default check drop alter add column join left join inner join cross join " +
  "on using as and or in exists between like is null case when then else end union union all except intersect distinct " +
  "with recursive returning explain begin commit rollback count sum avg min max coalesce cast asc desc"
).split(" ");
const RESERVED = new Set(WORDS);
const PHRASES = [
  "group by",
  "order by",
  "left join",
  "inner join",
  "cross join",
  "insert into",
  "delete from",
  "union all",
  "not null",
  "primary key",
  "is null",
  "is not null",
];
const SINGLE = [...new Set(WORDS)].filter((word) => !["by", "into", "primary", "key", "null"].includes(word));

/** As it must be written to be found again. */
export function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

export function tableOf(known: Known, source: Pick<Source, "schema" | "name">): CatalogTable | undefined {
  return (
    known.tables.find(
      ({ schema, name }) => same(name, source.name) && (!source.schema || same(schema, source.schema)),
    ) ?? undefined
  );
}

function columnsOf(known: Known, source: Source): readonly CatalogColumn[] {
  if (source.columns) return source.columns.map((name) => ({ name, type: null }));
  return tableOf(known, source)?.columns ?? [];
}

const column = (of: CatalogColumn, from: string, rank: number): Proposal => ({
  kind: "column",
  label: of.name,
  insert: quoted(of.name),
  detail: [of.type, from].filter(Boolean).join(" · "),
  rank,
});

/** The tables of a usual schema need no schema before them; of others they do. */
function table(of: CatalogTable, known: Known, rank: number, bare = false): Proposal {
  const usual = of.schema === "" || of.schema === "public" || of.schema === "main" || known.schemas.length < 2;
  return {
    kind: "table",
    label: usual || bare ? of.name : `${of.schema}.${of.name}`,
    insert: usual || bare ? quoted(of.name) : `${quoted(of.schema)}.${quoted(of.name)}`,
    detail: of.kind,
    rank,
  };
}

/** What may be written at the caret of `sql`, which is one statement. */
export function proposals(sql: string, caret: number, known: Known): Proposal[] {
  const { sources, qualifier, wantsTable, silent } = scopeAt(sql, caret);
  if (silent) return [];
  const last = qualifier.at(-1);
  if (last !== undefined) {
    const source =
      sources.find(({ alias }) => alias && same(alias, last)) ??
      sources.find(({ alias, name }) => !alias && same(name, last));
    if (source && !wantsTable) return columnsOf(known, source).map((each) => column(each, source.name, 0));
    const inside = known.tables.filter(({ schema }) => same(schema, last)).map((each) => table(each, known, 0, true));
    if (inside.length > 0) return inside;
    const named = tableOf(known, { schema: qualifier.at(-2) ?? "", name: last });
    return (named?.columns ?? []).map((each) => column(each, last, 0));
  }
  const tables = known.tables.map((each) => table(each, known, wantsTable ? 0 : 2));
  const schemas: Proposal[] = (known.schemas.length > 1 ? known.schemas : []).map((name) => ({
    kind: "schema",
    label: name,
    insert: quoted(name),
    detail: "",
    rank: 3,
  }));
  if (wantsTable) return [...tables, ...schemas];
  const columns = sources.flatMap((source) =>
    columnsOf(known, source).map((each) => column(each, source.alias || source.name, 0)),
  );
  const once = [...new Map(columns.map((each) => [`${each.label} ${each.detail}`, each])).values()];
  const aliases: Proposal[] = sources
    .filter(({ alias }) => alias)
    .map(({ alias, name }) => ({ kind: "alias", label: alias, insert: quoted(alias), detail: name, rank: 1 }));
  const words: Proposal[] = [...PHRASES, ...SINGLE].map((word) => ({
    kind: "word",
    label: word.toUpperCase(),
    insert: word.toUpperCase(),
    detail: "",
    rank: 4,
  }));
  return [...once, ...aliases, ...tables, ...schemas, ...words];
}
