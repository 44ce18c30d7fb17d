import { expect, test } from "vitest";
import { chainBefore, declared, type Known, proposals, together } from "./complete";
import { stubsOf } from "./stubs";

const MODULE = `"""The types of workers."""
import asyncio
env: Any
class Body:
    """What was sent."""
    async def text(self) -> str:
        """As text."""
        ...
    async def json(self) -> Any:
        ...
class Request(Body):
    url: str
    @property
    def headers(self) -> "Headers | None":
        """The headers."""
        ...
class Headers:
    @overload
    def get(self, name: str) -> str | None:
        ...
    def get(self, name: str, other: str=...) -> str:
        ...
    def _hidden(self) -> None:
        ...
class Response(Body):
    status: int
    @staticmethod
    def from_json(data: Any) -> Response:
        ...
async def fetch(url: str) -> Response:
    """Call somebody."""
    ...
`;
const BINDINGS = `class KvNamespace:
    async def get(self, key: Any, type: Any=None, /, **named: Any) -> Any:
        """The value."""
        ...
    async def put(self, key: str, value: Any) -> None:
        ...
class D1PreparedStatement:
    def bind(self, *values: Any) -> D1PreparedStatement:
        ...
    async def first(self, column: str | None=None) -> Any:
        ...
class D1Database:
    def prepare(self, sql: str) -> D1PreparedStatement:
        ...
`;
const known: Known = {
  stubs: stubsOf(MODULE, BINDINGS),
  env: [
    { name: "CACHE", kind: "kv" },
    { name: "DB", kind: "d1" },
    { name: "COLOUR", kind: "var" },
  ],
};
const labels = (before: string) => proposals(before, known).map(({ label }) => label);

test("names in env, and what stands behind them", () => {
  expect(labels("x = await self.env.")).toEqual(["CACHE", "DB", "COLOUR"]);
  expect(labels("x = env.C")).toEqual(["CACHE", "DB", "COLOUR"]);
  expect(labels("await self.env.CACHE.")).toEqual(["get", "put"]);
  expect(labels("await env.COLOUR.")).toEqual([]);
  expect(labels("await env.NOBODY.")).toEqual([]);
  expect(proposals("self.env.CACHE.", known)[0]).toMatchObject({
    detail: "get(key: Any, type: Any=None, /, **named: Any) -> Any",
    about: "The value.",
    kind: "method",
  });
});

test("a chain of calls is followed, its arguments passed over", () => {
  expect(labels('await self.env.DB.prepare("select (1) .").bind(a[0], ")").')).toEqual(["bind", "first"]);
  expect(labels('statement = self.env.DB.prepare("x")\nawait statement.')).toEqual(["bind", "first"]);
  expect(labels("def f(db: D1Database):\n    db.")).toEqual(["prepare"]);
  expect(labels("answer = await fetch(url)\nanswer.")).toEqual(["status", "from_json", "text", "json"]);
});

test("requests have their own and inherited members, each once", () => {
  expect(labels("request.")).toEqual(["url", "headers", "text", "json"]);
  expect(labels("request.headers.")).toEqual(["get"]);
});

test("what workers exports", () => {
  expect(labels("from workers import ")).toContain("Response");
  expect(labels("from workers import Request, f")).toContain("fetch");
  expect(labels("workers.")).toContain("Headers");
});

test("comments, numbers and what nobody knows are left alone", () => {
  for (const text of ["# self.env.", "1.", "unknown.", "unknown().x.", "", "f(x)."]) expect(labels(text)).toEqual([]);
});

test("brackets that never end and names that name themselves end the search", () => {
  expect(chainBefore(")")).toBe(null);
  expect(chainBefore('x("]')).toBe(null);
  expect(labels("a = a.b\na.")).toEqual([]);
  expect(labels("a = b.c\nb = a.c\nb.")).toEqual([]);
});

test("the project file says what is bound, with comments and commas, or nothing while it is being typed", () => {
  const text = `{ // a worker
    "name": "x", /* and */ "kv_namespaces": [{ "binding": "SEEN", },],
    "d1_databases": [{ "binding": "DB" }], "vars": { "URL": "https://example.org" },
  }`;
  expect(declared(text)).toEqual([
    { name: "SEEN", kind: "kv" },
    { name: "DB", kind: "d1" },
    { name: "URL", kind: "var" },
  ]);
  expect(declared('{"kv_namespaces": [')).toBe(null);
  expect(together([{ name: "A", kind: "kv" }], [{ name: "A", kind: "var" }])).toEqual([{ name: "A", kind: "kv" }]);
});
