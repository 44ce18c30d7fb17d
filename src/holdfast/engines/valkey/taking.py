"""What a server holds at one moment, as an RDB in a private directory: by replication, or key by key where a stranger's
server does not let us replicate.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from holdfast.contract.catalog import JSON
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import keys, scratch
from holdfast.engines.valkey.carry import AT_ONCE, carried
from holdfast.engines.valkey.link import Link, Refused, connect
from holdfast.kernel.errors import Permanent
from holdfast.kernel.stop import Stop

_QUIET_SECONDS = 120.0  # the server may have to end another child before it forks; it sends newlines meanwhile


@dataclass(frozen=True)
class Taken:
    """`first`, `count`: the numbered databases that are meant; the RDB may hold more. `count` None: all.
    `one_moment` False: keys were read one after the other while others wrote. `reason`: why, in the server's words."""

    position: Mapping[str, JSON]
    first: int
    count: int | None
    more: bool
    one_moment: bool = True
    reason: str = ""


def take(at: Endpoint, tools: Tools, place: Path, stop: Stop) -> Taken:
    """Writes `place`/dump.rdb. Raises Permanent ("no_snapshot"), Denied, Cancelled, Retryable."""
    with connect(at, seconds=_QUIET_SECONDS, stop=stop) as link:
        first, count = link.first, link.count
        link.first, link.count = 0, None
        found = keys.databases(link)
        more = count is not None and any(not first <= number < first + count for number in found)
        try:
            with (place / scratch.ENTRY).open("wb") as file:
                return Taken(replicate(link, file, stop), first, count, more)
        except Refused as error:
            if link.hosted:
                raise Permanent(f"the server gives no snapshot: {error}", code="no_snapshot") from error
            reason = str(error)[:200]
    (place / scratch.ENTRY).unlink()
    with connect(at, seconds=_QUIET_SECONDS, stop=stop) as link:
        link.first, link.count = 0, None
        _by_key(link, tools, place, stop)
    position: dict[str, JSON] = {"keys_read_until": keys.now_ms()}
    return Taken(position, first, count, more, one_moment=False, reason=reason)


@contextmanager
def held(at: Endpoint, tools: Tools, stop: Stop) -> Iterator[Link]:
    """What a stranger's server holds, in a scratch server of ours: there the digests can be asked for."""
    with scratch.directory(tools) as place:
        taken = take(at, tools, place, stop)
        with scratch.loaded(tools, place, stop) as link:
            link.first, link.count = taken.first, taken.count
            yield link


def _by_key(link: Link, tools: Tools, place: Path, stop: Stop) -> None:
    """Each key whole, one after the other: what is written meanwhile may be there or not. Needs SCAN and DUMP."""
    with scratch.loaded(tools, place, stop) as into:
        for number in keys.databases(link):
            link.select(number)
            into.select(number)
            for batch in keys.scan(link, stop):
                for start in range(0, len(batch), AT_ONCE):
                    stop.check()
                    found = carried(link, batch[start : start + AT_ONCE])
                    answers = into.pipeline([("RESTORE", key, ttl, body, "ABSTTL") for key, ttl, body in found])
                    for answer in answers:
                        if isinstance(answer, Refused):
                            raise Permanent(f"a key cannot be read here: {answer}", code="no_snapshot")
        into.command("SAVE")


def replicate(link: Link, file: BinaryIO, stop: Stop) -> dict[str, JSON]:
    """Ask as a new replica, write the RDB to `file`, leave. The position (replication id and offset) of its moment.

    Protocol: replication.c of Valkey; `rdb-only` (since Redis 7) spares the server a buffer for the stream after it.
    Raises Refused where the server gives none, OSError when the transfer ends early: never a short file.
    """
    # A replica that names no version is taken for an old one and gets no hashes whose fields expire: the transfer ends.
    link.pipeline([("REPLCONF", "version", keys.version(link))])  # refused by servers that do not ask
    for words in (("capa", "eof", "capa", "psync2"), ("rdb-only", "1")):
        link.command("REPLCONF", *words)
    link.send([("PSYNC", "?", "-1")])
    answer = _line(link)
    if answer.startswith(b"-"):
        raise Refused(answer[1:].decode(errors="replace"))
    if not answer.startswith(b"+FULLRESYNC "):
        raise Permanent(f"the server gives no snapshot: {answer.decode(errors='replace')[:200]}", code="no_snapshot")
    identity, offset = answer.split()[1:3]
    head = _line(link)
    if head.startswith(b"$EOF:"):
        _until(link, head[5:], file, stop)
    elif head[:1] == b"$" and head[1:].isdigit():
        _exactly(link, int(head[1:]), file, stop)
    else:
        raise Permanent(f"the server gives no snapshot: {head.decode(errors='replace')[:200]}", code="no_snapshot")
    return {"replid": identity.decode(), "offset": int(offset)}


def _line(link: Link) -> bytes:
    """The next line that says something; single newlines mean "still here" and win time."""
    text = bytearray()
    while True:
        one = link.take(1)
        if one != b"\n":
            text += one
            continue
        if line := bytes(text).rstrip(b"\r"):
            return line
        text.clear()
        link.until += 1.0


def _until(link: Link, mark: bytes, file: BinaryIO, stop: Stop) -> None:
    """Everything before the 40 random bytes that were announced."""
    held = b""
    while not held.endswith(mark):
        stop.check()
        file.write(held[: -len(mark)])
        held = held[-len(mark) :] + link.some()
        link.until = max(link.until, _soon(link))
    file.write(held[: -len(mark)])


def _exactly(link: Link, count: int, file: BinaryIO, stop: Stop) -> None:
    while count:
        stop.check()
        part = link.take(min(count, 1 << 18))
        file.write(part)
        count -= len(part)
        link.until = max(link.until, _soon(link))


def _soon(link: Link) -> float:
    """Patience counts from the last byte: a big transfer may take as long as it likes."""
    return time.monotonic() + link.seconds
