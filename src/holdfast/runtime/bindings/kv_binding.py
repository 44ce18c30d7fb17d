"""The key-value binding: what a worker's `env.KV` asks, checked and answered by its namespace."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any

from holdfast.runtime.bindings.frames import METHODS
from holdfast.runtime.bindings.handling import Answer, Charged, Failure, Quota, arguments
from holdfast.runtime.bindings.kv_file import Delete, Entry, KvFile, checked_put
from holdfast.runtime.bindings.kv_rules import (
    BULK_KEYS,
    VALUE_BYTES,
    KvError,
    check_cache_ttl,
    check_key,
    check_limit,
)
from holdfast.runtime.bindings.kv_store import NOTHING, SMALL, Namespace
from holdfast.runtime.bindings.turns import Turns
from holdfast.runtime.bindings.values import decode, encode

_THREADS = 2  # that read for one binding of a version at once
_METHODS = METHODS["kv"]
_GET = _METHODS.index("get")
_WORDS = {
    "get": "KV GET failed",
    "getWithMetadata": "KV GET failed",
    "getMany": "KV GET_BULK failed",
    "put": "KV PUT failed",
    "delete": "KV DELETE failed",
    "list": "KV LIST failed",
}


class KvBinding:
    """One namespace, bound to one version."""

    def __init__(self, namespace: Namespace, quota: Quota) -> None:
        self._namespace, self._quota = namespace, quota
        self._turns = Turns(quota.share, _THREADS)

    def call(self, method: int, payload: bytes) -> Answer | Awaitable[Answer]:
        if method >= len(_METHODS):
            raise Failure("NotBound", f"a KV namespace has no method number {method}")
        try:
            if method == _GET:
                return self._namespace.answered(payload) or self._get(payload)
            return self._other(_METHODS[method], payload)
        except KvError as error:
            raise _told(_METHODS[method], error) from error

    def _get(self, payload: bytes) -> Answer | Awaitable[Answer]:
        key = check_key(decode(payload))
        found = self._namespace.small(key)
        if isinstance(found, int):
            return self._long(key, found, False)
        if found is None:
            answer, expiration = NOTHING, None
        else:
            answer, expiration = encode(found.value), found.expiration
        self._namespace.keep(payload, answer, expiration)
        return answer

    def _other(self, name: str, payload: bytes) -> Answer | Awaitable[Answer]:
        if name == "put":
            key, value, options = arguments(payload, str, (str, bytes), dict)
            return self._namespace.write(
                checked_put(
                    key,
                    value,
                    metadata=options.get("metadata"),
                    expiration=options.get("expiration"),
                    expiration_ttl=options.get("expirationTtl"),
                ),
                self._quota.share,
            )
        if name == "delete":
            (key,) = arguments(payload, str)
            return self._namespace.write(Delete(check_key(key)), self._quota.share)
        if name == "getWithMetadata":
            key, ttl = arguments(payload, str, (int, float, type(None)))
            check_cache_ttl(ttl)
            return self._with_metadata(check_key(key))
        if name == "getMany":
            keys, with_metadata, ttl = arguments(payload, list, bool, (int, float, type(None)))
            check_cache_ttl(ttl)
            return self._many([check_key(key) for key in keys], with_metadata)
        (options,) = arguments(payload, dict)
        return self._list(options)

    def _with_metadata(self, key: str) -> Answer | Awaitable[Answer]:
        found = self._namespace.small(key)
        if isinstance(found, int):
            return self._long(key, found, True)
        return encode(_shown(found))

    async def _long(self, key: str, size: int, with_metadata: bool) -> Answer:
        """A value that is read by a thread, once there is room for it."""
        charge = size + SMALL
        await self._quota.answers.acquire(charge)
        try:
            entry = await self._namespace.read(lambda file: file.get(key), self._turns)
            if with_metadata:
                return Charged(encode(_shown(entry)), charge)
            return Charged(encode(None if entry is None else entry.value), charge)
        except BaseException:
            self._quota.answers.release(charge)
            raise

    async def _many(self, keys: list[str], with_metadata: bool) -> Answer:
        if len(keys) > BULK_KEYS:
            raise _told("getMany", KvError(400, f"You can request a maximum of {BULK_KEYS} keys."))
        size = await self._namespace.read(lambda file: sum(file.size(key) or 0 for key in keys), self._turns)
        if size > VALUE_BYTES:
            raise _told("getMany", KvError(413, "Total size of request exceeds the limit of 25MB"))
        charge = size + SMALL
        await self._quota.answers.acquire(charge)
        try:
            return Charged(await self._namespace.read(partial(_all, keys, with_metadata), self._turns), charge)
        except BaseException:
            self._quota.answers.release(charge)
            raise

    async def _list(self, options: dict[str, Any]) -> Answer:
        prefix, cursor = options.get("prefix") or "", options.get("cursor")
        if not isinstance(prefix, str) or not isinstance(cursor, str | None):
            raise Failure("TypeError", "prefix and cursor are strings")
        try:
            limit = check_limit(options.get("limit"))
            return await self._namespace.read(partial(_page, prefix, limit, cursor), self._turns)
        except KvError as error:
            raise _told("list", error) from error


def _page(prefix: str, limit: int | None, cursor: str | None, file: KvFile) -> bytes:
    page = file.list(prefix, limit, cursor)
    return encode([[[key.name, key.expiration, key.metadata] for key in page.keys], page.cursor])


def _all(keys: list[str], with_metadata: bool, file: KvFile) -> bytes:
    found = file.get_many(keys).items()
    return encode({key: _shown(entry) if with_metadata else (entry and entry.value) for key, entry in found})


def _shown(entry: Entry | None) -> list[Any] | None:
    return None if entry is None else [entry.value, entry.metadata]


def _told(name: str, error: KvError) -> Failure:
    return Failure("Error", f"{_WORDS[name]}: {error.status} {error.message}")
