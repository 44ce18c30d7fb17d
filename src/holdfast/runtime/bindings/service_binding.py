"""Service bindings: one worker calls another, which the binding names; the version is the one that lives now."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Any, Final

from holdfast.runtime.bindings import inner
from holdfast.runtime.bindings.begun import Begun
from holdfast.runtime.bindings.frames import BODY, END, HEADERS, METHODS, TICKET
from holdfast.runtime.bindings.handling import Answer, Exchange, Failure, arguments
from holdfast.runtime.bindings.values import LONGEST, decode_error, encode
from holdfast.runtime.live import LiveVersion, Sockets

DEPTH: Final = 32
_METHOD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_RESERVED: Final = frozenset({"fetch", "scheduled", "queue", "alarm", "tail", "email", "ctx", "env", "constructor"})
_OURS: Final = frozenset(
    {"connection", "sec-websocket-accept", "sec-websocket-extensions", "transfer-encoding", "upgrade"}
)
_GRACE: Final = 5.0  # seconds beyond the other worker's own time limit
_RPC, _FETCH, _SESSION, _JOIN = range(len(METHODS["service"]))


class Directory:
    """Which versions live, by worker."""

    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime
        self._versions: dict[str, list[LiveVersion]] = {}

    def replace(self, living: Sequence[LiveVersion]) -> None:
        found: defaultdict[str, list[LiveVersion]] = defaultdict(list)
        for version in living:
            found[version.worker_id].append(version)
        self._versions = dict(found)

    def pick(self, worker_id: str) -> tuple[LiveVersion, Path]:
        """A version by its share of the traffic, and its socket. Raises Failure when the worker has none."""
        versions = self._versions.get(worker_id)
        if not versions:
            raise Failure("Unavailable", "the worker behind this service binding is not deployed")
        total = sum(version.weight for version in versions)
        chosen = versions[0]
        if len(versions) > 1 and total > 0:
            at = secrets.randbelow(total)
            for chosen in versions:
                at -= chosen.weight
                if at < 0:
                    break
        return chosen, Sockets.of(self._runtime, chosen.token).inner


class ServiceBinding:
    """One binding to one worker; `entrypoint` names one of its classes, None the default."""

    streams = frozenset((_FETCH, _SESSION, _JOIN))

    def __init__(self, directory: Directory, worker_id: str, entrypoint: str | None) -> None:
        self._directory, self._worker_id, self._entrypoint = directory, worker_id, entrypoint
        self._begun = Begun()

    def call(self, method: int, payload: bytes) -> Answer | Awaitable[Answer]:
        if method != _RPC:
            raise Failure("NotBound", f"a service has no method number {method}")
        name, depth, body = arguments(payload, str, int, bytes)
        return self._rpc(_callable(name), _deeper(depth), body)

    async def _rpc(self, name: str, depth: int, body: bytes) -> Answer:
        """The answer, or a ticket for the session that the call has become."""
        version, answer, sending = await self._ask(name, depth, body, "allowed")
        if answer.status == 101:
            return TICKET + self._begun.keep(answer)
        try:
            async with asyncio.timeout(version.limits.timeout_seconds + _GRACE):
                found = await answer.whole(LONGEST)
        except TimeoutError as error:
            raise _too_long(version, name) from error
        finally:
            sending.cancel()
            answer.close()
        return _result(version, name, answer.status, found)

    async def _ask(
        self, name: str, depth: int, body: bytes | None, session: str
    ) -> tuple[LiveVersion, inner.Answer, asyncio.Task[None]]:
        version, path = self._directory.pick(self._worker_id)
        query = f"?entrypoint={self._entrypoint}" if self._entrypoint else ""
        ours = [
            ("holdfast-depth", str(depth)),
            ("holdfast-rpc", session),
            ("content-type", "application/octet-stream"),
        ]
        url = f"http://{_host(version)}/rpc/{name}{query}"
        try:
            async with asyncio.timeout(version.limits.timeout_seconds + _GRACE):
                asked = await inner.request(path, version.worker, "POST", url, (), ours, body, session=True)
        except TimeoutError as error:
            raise _too_long(version, name) from error
        return version, *asked

    async def stream(self, method: int, payload: bytes, exchange: Exchange) -> None:
        """A call that lasts: `fetch`, or a session."""
        if method == _FETCH:
            await self._fetch(payload, exchange)
        elif method == _JOIN:
            (ticket,) = arguments(payload, bytes)
            await _carry(self._begun.take(ticket), exchange)
        else:
            name, depth = arguments(payload, str, int)
            version, answer, _ = await self._ask(_callable(name), _deeper(depth), None, "session")
            if answer.status != 101:
                try:
                    found = await answer.whole(LONGEST)
                finally:
                    answer.close()
                _result(version, name, answer.status, found)
                raise Failure("Error", f"{version.worker}.{name}() was answered without a session")
            await _carry(answer, exchange)

    async def _fetch(self, payload: bytes, exchange: Exchange) -> None:
        """The head comes with the call, the bodies as parts, each side as fast as the other takes it."""
        head, depth = arguments(payload, dict, int)
        method, url, headers, length, has_body, upgrade = _request(head)
        version, path = self._directory.pick(self._worker_id)
        ours = [
            ("holdfast-service", self._entrypoint or ""),
            ("holdfast-url", inner.clean_url(url)),
            ("holdfast-depth", str(_deeper(depth))),
        ]
        body = _parts(exchange, length) if has_body else None
        answer, sending = await inner.request(path, version.worker, method, url, headers, ours, body, length, upgrade)
        kept = [list(pair) for pair in answer.headers if pair[0] not in _OURS]
        try:
            if answer.status == 101:
                await _carry(answer, exchange, kept)
                return
            await exchange.write(HEADERS, encode([answer.status, kept]))
            async for part in answer.body():
                await exchange.write(BODY, part)
            await exchange.write(END, b"")
        finally:
            sending.cancel()
            answer.close()


async def _carry(answer: inner.Answer, exchange: Exchange, headers: Sequence[object] = ()) -> None:
    """Bytes both ways, each side as fast as the other takes it, until either ends."""
    saying: asyncio.Task[None] | None = None
    try:
        await exchange.write(HEADERS, encode([answer.status, list(headers)]))
        saying = asyncio.ensure_future(_say(exchange, answer))
        async for part in answer.raw():
            await exchange.write(BODY, part)
        await exchange.write(END, b"")
    finally:
        if saying is not None:
            saying.cancel()
        answer.close()


async def _say(exchange: Exchange, answer: inner.Answer) -> None:
    """A socket's bytes on to the other worker; its end when this side ends."""
    with contextlib.suppress(ConnectionResetError):
        while (part := await exchange.read()) is not None:
            await answer.say(part)
    answer.close()


def _callable(name: str) -> str:
    if not _METHOD.fullmatch(name) or name in _RESERVED:
        raise Failure("TypeError", f"{name[:60]!r} is not a method that can be called")
    return name


def _result(version: LiveVersion, name: str, status: int, found: bytes) -> bytes:
    if status == 200:
        return found
    if status == 500:
        raise Failure(*decode_error(found))
    raise Failure("Error", f"{version.worker}.{name}() was answered with status {status}")


def _too_long(version: LiveVersion, name: str) -> Failure:
    return Failure("Error", f"{version.worker}.{name}() took longer than it may")


async def _parts(exchange: Exchange, length: int | None) -> AsyncIterator[bytes]:
    left = length
    while (part := await exchange.read()) is not None:
        if left is not None:
            left -= len(part)
            if left < 0:
                return  # more than was announced is not sent: it would be read as another request
        yield part


def _request(head: dict[str, Any]) -> tuple[str, str, list[tuple[str, str]], int | None, bool, bool]:
    match head:
        case {"method": str() as method, "url": str() as url, "headers": list() as headers, "body": bool() as has_body}:
            pairs = [(pair[0], pair[1]) for pair in headers if isinstance(pair, list) and len(pair) == 2]
            if len(pairs) != len(headers) or not all(isinstance(text, str) for pair in pairs for text in pair):
                raise Failure("TypeError", "headers are pairs of strings")
            length = head.get("length")
            known = length if isinstance(length, int) and not isinstance(length, bool) and length >= 0 else None
            upgrade = head.get("upgrade") is True and method == "GET" and not has_body
            return method, url, pairs, known, has_body, upgrade
    raise Failure("TypeError", "this is not a request")


def _deeper(depth: int) -> int:
    if not 0 <= depth < DEPTH:
        raise Failure("Error", f"Subrequest depth limit exceeded: workers called each other {DEPTH} times in a row")
    return depth + 1


def _host(version: LiveVersion) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", version.worker) or "worker"
