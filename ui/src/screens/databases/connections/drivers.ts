/** Ready lines for the programs and libraries people connect with, made of the connection URL alone. */
export interface Snippet {
  id: string;
  title: string;
  text: string;
}

interface Parts {
  host: string;
  port: string;
  database: string;
  user: string;
  password: string;
  socket: string;
}

function partsOf(url: string): Parts | null {
  const found =
    /^[a-z+]+:\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?(\[[^\]]+\]|[^:/?#]*)(?::(\d+))?(\/[^?#]*)?(?:\?(.*))?$/i.exec(url);
  if (!found) return null;
  const [, user = "", password = "", host = "", port = "", path = "", query = ""] = found;
  return {
    host,
    port,
    database: path.slice(1),
    user: decodeURIComponent(user),
    password: decodeURIComponent(password),
    socket: new URLSearchParams(query).get("host") ?? "",
  };
}

/** For a POSIX shell: whatever is in it stays one word. */
export function quoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** JSON's strings are Python's, JavaScript's and Go's too. */
const literal = (text: string) => JSON.stringify(text);

function postgresql(url: string): Snippet[] {
  const at = partsOf(url);
  const jdbc = at?.host
    ? `jdbc:postgresql://${at.host}:${at.port || "5432"}/${at.database}?user=${encodeURIComponent(at.user)}&password=${encodeURIComponent(at.password)}`
    : null;
  return [
    { id: "psql", title: "psql", text: `psql ${quoted(url)}` },
    {
      id: "python",
      title: "Python",
      text: `import psycopg\n\nwith psycopg.connect(${literal(url)}) as db:\n    print(db.execute("SELECT version()").fetchone())`,
    },
    {
      id: "node",
      title: "Node.js",
      text: `import pg from "pg";\n\nconst db = new pg.Client({ connectionString: ${literal(url)} });\nawait db.connect();`,
    },
    { id: "go", title: "Go", text: `db, err := pgx.Connect(ctx, ${literal(url)})` },
    ...(jdbc ? [{ id: "java", title: "Java", text: `var db = DriverManager.getConnection(${literal(jdbc)});` }] : []),
  ];
}

function redis(url: string): Snippet[] {
  const isSocket = url.startsWith("unix:");
  return [
    ...(isSocket ? [] : [{ id: "cli", title: "valkey-cli", text: `valkey-cli -u ${quoted(url)}` }]),
    { id: "python", title: "Python", text: `import redis\n\ndb = redis.from_url(${literal(url)})\ndb.ping()` },
    ...(isSocket
      ? []
      : [
          {
            id: "node",
            title: "Node.js",
            text: `import { createClient } from "redis";\n\nconst db = await createClient({ url: ${literal(url)} }).connect();`,
          },
        ]),
    { id: "go", title: "Go", text: `options, err := redis.ParseURL(${literal(url)})\ndb := redis.NewClient(options)` },
  ];
}

function file(url: string): Snippet[] {
  const path = decodeURIComponent(url.replace(/^sqlite:\/\//, "").replace(/\?.*$/, ""));
  return [
    { id: "cli", title: "sqlite3", text: `sqlite3 ${quoted(path)}` },
    { id: "python", title: "Python", text: `import sqlite3\n\ndb = sqlite3.connect(${literal(path)})` },
    {
      id: "node",
      title: "Node.js",
      text: `import { DatabaseSync } from "node:sqlite";\n\nconst db = new DatabaseSync(${literal(path)});`,
    },
  ];
}

const BY_SCHEME: Record<string, (url: string) => Snippet[]> = {
  postgresql,
  postgres: postgresql,
  redis,
  rediss: redis,
  valkey: redis,
  valkeys: redis,
  unix: redis,
  sqlite: file,
};

/** The URL itself first; a scheme nobody here knows has nothing else. */
export function snippetsOf(url: string): Snippet[] {
  const scheme = /^([a-z]+):/i.exec(url)?.[1]?.toLowerCase() ?? "";
  return [
    { id: "url", title: "URL", text: url },
    ...(BY_SCHEME[scheme]?.(url) ?? []),
    { id: "env", title: ".env", text: `DATABASE_URL=${quoted(url)}` },
  ];
}
