import { expect, test } from "vitest";
import { quoted, snippetsOf } from "./drivers";

const of = (url: string) => Object.fromEntries(snippetsOf(url).map(({ id, text }) => [id, text]));

test("a password's characters stay what they are in every language", () => {
  const url = "postgresql://app:p%27a%22s%26s@db.example.org:6432/shop";
  const made = of(url);
  expect(made.url).toBe(url);
  expect(made.psql).toBe(`psql ${url}`);
  expect(made.java).toContain("password=p'a%22s%26s");
  expect(made.python).toContain(`connect("${url}")`);
});

test("over a socket there is no JDBC, and the shell keeps the query in one word", () => {
  const made = of("postgresql://app:x@/shop?host=%2Frun%2Fdb&a=b");
  expect(made.java).toBeUndefined();
  expect(made.psql).toBe("psql 'postgresql://app:x@/shop?host=%2Frun%2Fdb&a=b'");
});

test("each scheme has its own programs, and a strange one only the URL", () => {
  expect(of("redis://a:b@h:1/0").cli).toBe("valkey-cli -u redis://a:b@h:1/0");
  expect(of("unix://a:b@/run/s?db=0").cli).toBeUndefined();
  expect(of("sqlite:///srv/a%20b/it's.db").cli).toBe(`sqlite3 '/srv/a b/it'\\''s.db'`);
  expect(Object.keys(of("bolt://h"))).toEqual(["url", "env"]);
});

test("a masked URL makes lines too", () => {
  expect(of("postgresql://app:***@db:1/shop").psql).toBe("psql 'postgresql://app:***@db:1/shop'");
  expect(quoted("a b")).toBe("'a b'");
});
