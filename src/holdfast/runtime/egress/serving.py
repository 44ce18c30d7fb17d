"""One call of a worker to the outside: read, judged, connected, and passed on both ways."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import httptools

from holdfast.kernel import log
from holdfast.kernel.errors import HoldfastError, Invalid, Retryable
from holdfast.kernel.outbound_dial import connect
from holdfast.kernel.outbound_head import ABSOLUTE, Head
from holdfast.kernel.outbound_pipe import both_ways, copy
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.outbound_url import Refused
from holdfast.runtime.edge.bodies import Body
from holdfast.runtime.edge.heads import CHUNKED
from holdfast.runtime.egress.permitted import Permitted

_OURS = "holdfast-"
_EVERYTHING = 2**62
_log = log.get("holdfast.egress")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Bounds:
    """Of one version's calls: how many at once, bytes held for each, seconds for a head, for a silence, and in all."""

    connections: int = 128
    buffer_bytes: int = 64 * 1024
    head_seconds: float = 15.0
    silent_seconds: float = 120.0
    life_seconds: float = 3600.0


@dataclass
class Usage:
    """What a version did: calls made and refused, bytes of content and of tunnels."""

    calls: int = 0
    refused: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0


class _Meter:
    """Counts, and puts off the end of what is not silent."""

    def __init__(self, usage: Usage, bounds: Bounds, clock: asyncio.Timeout) -> None:
        self._usage, self._bounds, self._clock = usage, bounds, clock

    def sent(self, size: int) -> None:
        self._usage.sent_bytes += size
        self._moved()

    def received(self, size: int) -> None:
        self._usage.received_bytes += size
        self._moved()

    def _moved(self) -> None:
        self._clock.reschedule(asyncio.get_running_loop().time() + self._bounds.silent_seconds)


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    permitted: Permitted,
    policy: OutboundPolicy,
    usage: Usage,
    bounds: Bounds,
    *,
    full: bool,
) -> None:
    """One request, then the connection is over. What is refused is answered; raises what breaks on the way."""
    try:
        async with asyncio.timeout(bounds.head_seconds):
            raw = await reader.readuntil(b"\r\n\r\n")
        if full:
            raise Retryable("this worker makes as many calls as it may at once", code="calls_many")
        head = _read(raw)
        method, target, version = head.start.split(" ")
        if method == "CONNECT":
            upstream = await _reach("https", target, permitted, policy, bounds)
        else:
            found = ABSOLUTE.fullmatch(target)
            if found is None or head.headers.get("host", "").lower() != found[1].lower():
                raise _malformed("a request names its host in an http:// target and, the same, in Host")
            upstream = await _reach("http", found[1], permitted, policy, bounds)
            path = found[2] or "/"
    except HoldfastError as error:
        usage.refused += 1
        await _answer(writer, error)
        return
    usage.calls += 1
    async with asyncio.timeout(bounds.silent_seconds) as clock:
        meter = _Meter(usage, bounds, clock)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await both_ways(reader, writer, *upstream, meter.sent, meter.received)
        else:
            await _forward(head, f"{method} {path} {version}", (reader, writer), upstream, meter)


def _read(raw: bytes) -> Head:
    """Raises Invalid: a head that two readers could take differently would lead past the list of hosts."""
    try:
        httptools.HttpRequestParser(object()).feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        raise _malformed("this request cannot be read") from None
    head = Head.parse(raw)
    names = [line.partition(":")[0].lower() for line in head.lines]
    if head.start.count(" ") != 2 or names.count("host") > 1:
        raise _malformed("this request cannot be read")
    return head


async def _reach(scheme: str, authority: str, permitted: Permitted, policy: OutboundPolicy, bounds: Bounds) -> Streams:
    """Raises HoldfastError in words for the worker."""
    try:
        target = permitted.target(scheme, authority)
        policy.check(target)
    except Refused as error:
        _log.warning("a worker's call was refused", host=error.details.get("host"), reason=error.reason)
        raise
    made, _ = await connect(policy, target.host, target.port)
    return await asyncio.open_connection(sock=made, limit=bounds.buffer_bytes)


async def _forward(head: Head, start: str, client: Streams, upstream: Streams, meter: _Meter) -> None:
    reader, writer = client
    server, server_writer = upstream
    server_writer.write(head.with_start(start))
    sending = asyncio.ensure_future(_send_body(head, reader, server_writer, meter))
    try:
        answer = Head.parse(await server.readuntil(b"\r\n\r\n"))
        while answer.status < 200:
            writer.write(answer.as_sent())
            answer = Head.parse(await server.readuntil(b"\r\n\r\n"))
        lines = tuple(line for line in answer.lines if not line.lower().startswith(_OURS))
        writer.write(Head(answer.start, answer.headers, lines).with_start(answer.start))
        await copy(server, writer, meter.received)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        server_writer.close()


async def _send_body(head: Head, reader: asyncio.StreamReader, server: asyncio.StreamWriter, meter: _Meter) -> None:
    """Just this request's: what came behind it would be a request that nobody judged. Raises ValueError."""
    coding = head.headers.get("transfer-encoding")
    if coding is None and head.headers.get("content-length", "0") == "0":
        await _gone(reader, server)
        return
    body = Body(CHUNKED if coding is not None else int(head.headers["content-length"]), _EVERYTHING)
    try:
        while not body.done:
            chunk = await reader.read(64 * 1024)
            if not chunk:
                raise EOFError("the worker ended in the middle of its request")
            content = body.feed(chunk)
            meter.sent(len(chunk))
            server.write(content)
            await server.drain()
    except BaseException:
        server.transport.abort()  # half a request must not look whole, nor its answer be waited for
        raise
    await _gone(reader, server)


async def _gone(reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
    """When the worker gives up, nobody waits for the answer."""
    while await reader.read(64 * 1024):
        pass
    server.transport.abort()


async def _answer(writer: asyncio.StreamWriter, error: HoldfastError) -> None:
    status, phrase = _status(error)
    told = {"code": _code(error), "message": error.message, "hint": _hint(error)}
    body = json.dumps({"error": told}).encode()
    head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    writer.write(f"{head}holdfast-error: {told['code']}\r\nconnection: close\r\n\r\n".encode() + body)
    await writer.drain()


def _status(error: HoldfastError) -> tuple[int, str]:
    if isinstance(error, Invalid):
        return 400, "Bad Request"
    if error.code == "server_silent":
        return 504, "Gateway Timeout"
    if error.code == "calls_many":
        return 429, "Too Many Requests"
    return (502, "Bad Gateway") if isinstance(error, Retryable) else (403, "Forbidden")


def _code(error: HoldfastError) -> str:
    return "not_permitted" if isinstance(error, Refused) and error.reason == "not_permitted" else error.code


def _hint(error: HoldfastError) -> str | None:
    if isinstance(error, Refused) and error.reason == "not_permitted":
        return "Its owner lists the hosts in the worker's network permits; `*` is any public host."
    if _forbidden(error):
        return "Workers reach public addresses. The operator may open others: HOLDFAST_WORKERS_OUTBOUND_ALLOW."
    return error.hint


def _forbidden(error: HoldfastError) -> bool:
    """Refused by us, not failed by the network or malformed by the worker."""
    return _status(error)[0] == 403


def _malformed(message: str) -> Invalid:
    return Invalid(message, code="request_malformed")
