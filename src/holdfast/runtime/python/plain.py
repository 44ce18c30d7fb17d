"""The plain form: `handler(services, params)`, for functions written as `default({db, cache, s3}, params)`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from holdfast.runtime.python.workers import Request, Response
from holdfast.runtime.python.workers.entrypoints import fitting


class Missing(AttributeError):
    """The service was asked for and the worker has no such binding."""


class Rows(dict[str, Any]):
    """An answer of `db.execute`: rows, columns, rowsAffected, lastInsertRowid; as attributes too."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)


class Database:
    """`db.execute(sql, args)` on a D1 binding."""

    def __init__(self, d1: Any) -> None:
        self.binding = d1

    async def execute(self, statement: Any, args: Any = ()) -> Rows:
        if isinstance(statement, Mapping):
            statement, args = statement["sql"], statement.get("args", ())
        prepared = self.binding.prepare(statement)
        answer = await (prepared.bind(*args) if args else prepared).all()
        rows = list(answer["results"] or [])
        meta = answer["meta"]
        return Rows(
            rows=rows,
            columns=list(rows[0]) if rows else [],
            rowsAffected=meta.get("changes", 0),
            lastInsertRowid=meta.get("last_row_id"),
        )


class Cache:
    """`cache.get`, `cache.set(key, value, ttl)`, `cache.delete` on a key-value binding. Times in seconds."""

    def __init__(self, kv: Any) -> None:
        self.binding = kv

    async def get(self, key: str) -> str | None:
        return await self.binding.get(key)  # type: ignore[no-any-return]

    async def set(self, key: str, value: Any, ttl: int | None = None) -> None:
        text = value if isinstance(value, str | bytes) else json.dumps(value)
        await self.binding.put(key, text, **({"expirationTtl": ttl} if ttl else {}))

    async def delete(self, key: str) -> None:
        await self.binding.delete(key)


class Services:
    """`services.db`, `services["cache"]`: the binding of that name, or the only one of its kind."""

    def __init__(self, env: Any) -> None:
        self.env = env

    def _find(self, name: str, method: str) -> Any:
        for each in (name, name.upper()):
            if each in self.env:
                return self.env[each]
        fits = [value for value in vars(self.env).values() if callable(getattr(value, method, None))]
        if len(fits) == 1:
            return fits[0]
        raise Missing(f"services.{name}: give this worker a binding named {name.upper()!r}")

    @property
    def db(self) -> Database:
        return Database(self._find("db", "prepare"))

    @property
    def cache(self) -> Cache:
        return Cache(self._find("cache", "getWithMetadata"))

    @property
    def s3(self) -> Any:
        raise Missing("services.s3: buckets are not there yet")

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


async def call_plain(function: Callable[..., Any], request: Request, env: Any) -> Response:
    """Parameters come from the query, then a JSON object or a form in the body; what it returns becomes the answer."""
    params: dict[str, Any] = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    kind = request.headers.get("content-type", "")
    if "json" in kind:
        told = await request.json()
        params.update(told if isinstance(told, dict) else {"body": told})
    elif "form" in kind:
        params.update(dict((await request.form_data()).items()))
    result = function(*fitting(function, (Services(env), params, request)))
    if inspect.isawaitable(result):
        result = await result
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(None, status=204)
    if isinstance(result, str | bytes):
        return Response(result)
    return Response.from_json(result)
