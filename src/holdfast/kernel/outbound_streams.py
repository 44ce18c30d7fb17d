# ruff: noqa: ASYNC109 - the waits are named as httpcore names them
"""Connections that go to the address that was judged, and end when the call's time is over."""

from __future__ import annotations

import asyncio
import contextvars
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import httpcore

from holdfast.kernel.outbound_policy import OutboundPolicy

TRIES = 4  # addresses tried of one name
RESOLVERS = 8  # names resolved at once; a dead name server holds up no more threads than these
_END: contextvars.ContextVar[float] = contextvars.ContextVar("holdfast_outbound_end")
_Options = Iterable[Any] | None


@contextmanager
def until(end: float) -> Iterator[None]:
    """Within it every wait of this thread or task ends at `end` (monotonic seconds) at the latest."""
    token = _END.set(end)
    try:
        yield
    finally:
        _END.reset(token)


def left(most: float | None) -> float | None:
    """Seconds that one wait may take. Raises httpcore.ReadTimeout when the call's time is over."""
    end = _END.get(None)
    if end is None:
        return most
    rest = end - time.monotonic()
    if rest <= 0:
        raise httpcore.ReadTimeout("the call's time is over")
    return rest if most is None else min(most, rest)


@lru_cache(maxsize=1)
def _resolving() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(RESOLVERS, thread_name_prefix="outbound-resolve")


class PinnedBackend(httpcore.NetworkBackend):
    """Resolves once, judges every address, and connects to one of those: what a name says later does not matter."""

    def __init__(self, policy: OutboundPolicy) -> None:
        self._policy = policy
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _Options = None,
    ) -> httpcore.NetworkStream:
        failed: Exception | None = None
        for address in self._addresses(host, port, timeout)[:TRIES]:
            try:
                return _Stream(
                    self._plain.connect_tcp(address, port, left(timeout), local_address, socket_options),
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")

    def _addresses(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        asked: Future[list[str]] = _resolving().submit(
            contextvars.copy_context().run, self._policy.addresses, host, port
        )
        try:
            return asked.result(left(timeout))
        except FutureTimeout:
            asked.cancel()
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
        except OSError as error:
            raise _unresolved(host) from error


class AsyncPinnedBackend(httpcore.AsyncNetworkBackend):
    """`PinnedBackend` for the event loop: names are resolved in the same few threads."""

    def __init__(self, policy: OutboundPolicy) -> None:
        self._policy = policy
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _Options = None,
    ) -> httpcore.AsyncNetworkStream:
        failed: Exception | None = None
        for address in (await self._addresses(host, port, timeout))[:TRIES]:
            try:
                return _AsyncStream(
                    await self._plain.connect_tcp(address, port, left(timeout), local_address, socket_options),
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(left(timeout)):
                here = contextvars.copy_context()  # the log line of a refusal keeps the request's id
                return await loop.run_in_executor(_resolving(), here.run, self._policy.addresses, host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
        except OSError as error:
            raise _unresolved(host) from error


class _Stream(httpcore.NetworkStream):
    def __init__(self, plain: httpcore.NetworkStream) -> None:
        self._plain = plain

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._plain.read(max_bytes, left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._plain.write(buffer, left(timeout))

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._plain.start_tls(ssl_context, server_hostname, left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, plain: httpcore.AsyncNetworkStream) -> None:
        self._plain = plain

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._plain.read(max_bytes, left(timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._plain.write(buffer, left(timeout))

    async def aclose(self) -> None:
        await self._plain.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._plain.start_tls(ssl_context, server_hostname, left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)


def _unresolved(host: str) -> httpcore.ConnectError:
    return httpcore.ConnectError(f"{host} cannot be resolved")
