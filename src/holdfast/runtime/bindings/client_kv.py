"""`env.KV`: Cloudflare's Workers KV as its Python SDK shows it. Runs inside the sandbox: standard library only."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Final

from holdfast.runtime.bindings.attributes import BindingError, JsDict, NotAList, options
from holdfast.runtime.bindings.frames import METHODS
from holdfast.runtime.bindings.values import TEXT, decode, encode

if TYPE_CHECKING:
    from holdfast.runtime.bindings.client import Client

_GET, _GET_META, _GET_MANY, _PUT, _DELETE, _LIST = range(len(METHODS["kv"]))
_TYPES: Final = ("text", "json", "arrayBuffer", "stream")
_LONGEST: Final = 25 * 1024 * 1024


class KvNamespace(NotAList):
    """One namespace. Method names and options are JavaScript's; options come as a dict or as keyword arguments."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name

    async def get(self, key: Any, type: Any = None, /, **named: Any) -> Any:
        """The value as text (or `json`, `arrayBuffer`: a memoryview, `stream`), None when there is none; for a list
        of up to 100 keys a dict. Raises BindingError, TypeError; ValueError for a value that is not JSON."""
        kind = "text"
        if type is not None or named:
            kind, ttl = _kind(type, named)
            if ttl is not None and not isinstance(key, list):
                (value, _) = await self._with_metadata(key, ttl)
                return self._read(value, kind)
        if isinstance(key, str):
            answer = await self._client.read(self._name, _GET, encode(key))
            if answer[0] == TEXT and kind == "text":
                return answer[5:].decode()
            return self._read(decode(answer), kind)
        found = await self._many(key, False, type, named)
        return {name: self._read(value, kind) for name, value in found.items()}

    async def getWithMetadata(self, key: Any, type: Any = None, /, **named: Any) -> Any:  # noqa: N802
        """`{value, metadata, cacheStatus}`; for a list of keys a dict of these."""
        kind, ttl = _kind(type, named)
        if isinstance(key, list):
            found = await self._many(key, True, type, named)
            return {name: self._pair(pair or (None, None), kind) for name, pair in found.items()}
        return self._pair(await self._with_metadata(key, ttl), kind)

    async def put(self, key: str, value: Any, given: Any = None, /, **named: Any) -> None:
        """Store text, bytes or a stream; on disk when it returns. Options: expiration, expirationTtl, metadata.
        Raises BindingError, TypeError."""
        wanted = options(given, named)
        known = {name: wanted[name] for name in ("expiration", "expirationTtl", "metadata") if name in wanted}
        if isinstance(value, AsyncIterable):
            value = await _collected(value)
        if not isinstance(value, str | bytes | memoryview):
            raise TypeError(f"KV put() takes text, bytes, a memoryview or a stream, not {value.__class__.__name__}")
        payload = encode([_text(key), value, known], _LONGEST + 64 * 1024)
        await self._client.call(self._name, _PUT, payload)

    async def delete(self, key: str) -> None:
        """Remove it; no error when there is none."""
        await self._client.call(self._name, _DELETE, encode([_text(key)]))

    async def list(self, given: Any = None, /, **named: Any) -> JsDict:
        """`{keys: [{name, expiration?, metadata?}], list_complete, cursor?, cacheStatus}`. Options: prefix, limit,
        cursor."""
        wanted = options(given, named)
        known = {name: wanted[name] for name in ("prefix", "limit", "cursor") if wanted.get(name) is not None}
        keys, cursor = decode(await self._client.read(self._name, _LIST, encode([known])))
        page = JsDict(keys=[_line(*key) for key in keys], list_complete=cursor is None, cacheStatus=None)
        if cursor is not None:
            page["cursor"] = cursor
        return page

    async def _with_metadata(self, key: Any, ttl: Any) -> tuple[Any, Any]:
        pair = decode(await self._client.read(self._name, _GET_META, encode([_text(key), ttl])))
        return (None, None) if pair is None else (pair[0], pair[1])

    async def _many(self, keys: Any, with_metadata: bool, type: Any, named: dict[str, Any]) -> dict[str, Any]:
        kind, ttl = _kind(type, named)
        if not isinstance(keys, list):
            raise TypeError(f"a key is a string, or a list of them, not {keys.__class__.__name__}")
        if kind not in ("text", "json"):
            raise BindingError("Error", f'KV GET_BULK failed: 400 "{kind}" is not a valid type. Use "json" or "text"')
        payload = encode([[_text(key) for key in keys], with_metadata, ttl])
        found: dict[str, Any] = decode(await self._client.read(self._name, _GET_MANY, payload))
        return found

    def _pair(self, pair: Any, kind: str) -> JsDict:
        value, metadata = pair
        return JsDict(
            value=self._read(value, kind),
            metadata=None if metadata is None else json.loads(metadata, object_hook=JsDict),
            cacheStatus=None,
        )

    def _read(self, value: Any, kind: str) -> Any:
        if value is None:
            return None
        if kind == "text":
            return value if isinstance(value, str) else value.decode(errors="replace")
        if kind == "json":
            return json.loads(value, object_hook=JsDict)
        data = value.encode() if isinstance(value, str) else value
        return memoryview(data) if kind == "arrayBuffer" else self._client.hooks.stream(data)


def _kind(given: Any, named: dict[str, Any]) -> tuple[str, Any]:
    """The type and the cacheTtl of a get."""
    wanted = {"type": given, **named} if isinstance(given, str) else options(given, named)
    kind = wanted.get("type") or "text"
    if kind not in _TYPES:
        raise TypeError(
            f'Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream", not {kind!r}'
        )
    return kind, wanted.get("cacheTtl")


def _text(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key is a string, not {key.__class__.__name__}")
    return key


def _line(name: str, expiration: int | None, metadata: str | None) -> JsDict:
    line = JsDict(name=name)
    if expiration is not None:
        line["expiration"] = expiration
    if metadata is not None:
        line["metadata"] = json.loads(metadata, object_hook=JsDict)
    return line


async def _collected(parts: AsyncIterable[Any]) -> bytes:
    whole = bytearray()
    async for part in parts:
        whole += part
        if len(whole) > _LONGEST:
            raise BindingError("Error", f"KV PUT failed: 413 Value length of {len(whole)} exceeds limit of {_LONGEST}.")
    return bytes(whole)
