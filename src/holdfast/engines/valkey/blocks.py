"""Rooms beside the living data: further blocks of numbered databases in the same server.

A server of ours has BLOCKS times as many databases as its users see, and one more, the register, that says which label
owns which block. A restored candidate is built in a block of its own; SWAPDB in one transaction exchanges it with the
living one, so nobody ever waits or sees half of it. The users' rights at the server name the first block alone.
A server of somebody else's has two blocks, the halves of its numbered databases: see foreign.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.contract.snapshot import Receipt
from holdfast.engines.valkey import foreign
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict, NotFound, Retryable

if TYPE_CHECKING:
    from holdfast.engines.valkey.resp import Link

BLOCKS = 8
_REGISTER = foreign.REGISTER
_BYTES = ":bytes"  # no label has a colon: what the living data alone may take, kept while there are labels
_TRIES = 20
_DURABLE_MS = 10_000


def total(databases: int) -> int:
    """Numbered databases of the whole server."""
    return databases * BLOCKS + 1


def visible(link: Link) -> int:
    """How many databases the users of this server of ours see."""
    answer, probe = link.pipeline([("CONFIG", "GET", "databases"), ("ACL", "GETUSER", "holdfast_probe")])
    count = int(answer[0][1])
    return (count - 1) // BLOCKS if isinstance(probe, list) else count


def register(link: Link) -> dict[str, int]:
    """{label: block}, and what the living data may take under a name that is no label. Selects the register."""
    link.command("SELECT", register_number(link))
    return {pair[0].decode(): int(pair[1]) for pair in link.command("HGETALL", _REGISTER)}


def register_number(link: Link) -> int:
    """The numbered database after the last block."""
    return link.span * link.rooms


def labels(found: dict[str, int]) -> dict[str, int]:
    return {label: block for label, block in found.items() if label != _BYTES}


def first(link: Link, label: str) -> int:
    """The first database of a label's block. Raises NotFound."""
    block = labels(register(link)).get(label)
    if block is None:
        raise NotFound(f"there is nothing beside this database named {label}", code="beside_absent")
    return block * link.span


def allocate(link: Link, label: str, data_bytes: int) -> None:
    """A block for `label`, and room in memory for it. Idempotent. Raises Conflict when every block is taken."""

    def change(found: dict[str, int]) -> list[tuple[Any, ...]]:
        if label in found:
            return []
        free = sorted(set(range(1, link.rooms)) - set(labels(found).values()))
        if not free:
            raise Conflict(
                f"{link.rooms - 1} restored or kept databases stand beside this one already",
                code="no_room_beside",
                hint="wait until the grace period of one has ended, or restore into a new database",
            )
        return [("HSET", _REGISTER, label, free[0], _BYTES, data_bytes)]

    if not link.hosted:
        foreign.require_room(link)
    _change(link, change)
    fit(link, data_bytes)


def fit(link: Link, data_bytes: int) -> None:
    """maxmemory for the living data and for all that stands beside it: a candidate must not evict living keys."""
    if link.hosted:
        link.command("CONFIG", "SET", "maxmemory", data_bytes * (1 + len(labels(register(link)))))


def swap(link: Link, candidate: str, kept: str, ours: str) -> Receipt:
    """Exchange the living block with `candidate`'s, which is `kept`'s from then on; all of it or nothing, on disk."""
    count, notes = link.span, []

    def change(found: dict[str, int]) -> list[tuple[Any, ...]]:
        block = found.get(candidate)
        if block is None:
            if kept in found:
                notes.append("the swap had been done already")
                return []
            raise Conflict(f"there is no candidate {candidate} to swap in", code="candidate_missing")
        if kept in found:
            raise Conflict(f"{kept} is taken by an older database", code="kept_exists")
        exchange: list[tuple[Any, ...]] = [("SWAPDB", number, block * count + number) for number in range(count)]
        return [*exchange, ("HDEL", _REGISTER, candidate), ("HSET", _REGISTER, kept, block)]

    _end_sessions(link, ours)
    _change(link, change)
    crash_point("swap.renamed")
    _end_sessions(link, ours)
    return Receipt(tuple(notes), {"kept": kept})


def _end_sessions(link: Link, ours: str) -> None:
    """Whoever was connected may have read the old data and must not go on with it unawares."""
    if not link.hosted:
        foreign.end_sessions(link)
        return
    users = [user for user in link.command("ACL", "USERS") if user != ours.encode()]
    link.pipeline([("CLIENT", "KILL", "USER", user) for user in users])


def discard(link: Link, label: str) -> Receipt:
    """Empty a label's block and give it back. Absent is success."""
    found = register(link)
    block = labels(found).get(label)
    if block is None:
        return Receipt(facts={"removed": False})
    count = link.span
    for number in range(block * count, (block + 1) * count):
        link.pipeline([("SELECT", number), ("FLUSHDB", "ASYNC")])

    def change(now: dict[str, int]) -> list[tuple[Any, ...]]:
        last = set(labels(now)) <= {label}
        return [("DEL", _REGISTER)] if last else [("HDEL", _REGISTER, label)]

    _change(link, change)
    fit(link, found[_BYTES])
    return Receipt(facts={"removed": True})


def _change(link: Link, decide: Any) -> None:
    """Read the register, decide, write in one transaction; again when someone else wrote meanwhile."""
    for _ in range(_TRIES):
        link.command("SELECT", register_number(link))
        link.command("WATCH", _REGISTER)
        commands = decide(register(link))
        if not commands:
            link.command("UNWATCH")
            break
        answers = link.pipeline([("MULTI",), *commands, ("EXEC",)])
        if answers[-1] is None:
            continue
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        break
    else:
        raise Retryable("the databases beside this one change all the time", code="server_busy")
    if not link.hosted:
        return  # how a stranger's server keeps what it was told is its own affair
    if link.redis:
        _synced(link)
    elif not link.command("WAITAOF", 1, 0, _DURABLE_MS)[0]:
        raise Retryable("the server's disk did not take the change in time", code="server_busy")


def _synced(link: Link) -> None:
    """Before WAITAOF: with `always` a write is answered once it, and all before it, are on disk."""
    link.command("CONFIG", "SET", "appendfsync", "always")
    try:
        link.command("SELECT", register_number(link))
        link.command("SET", f"{_REGISTER}:synced", "1")
        link.command("DEL", f"{_REGISTER}:synced")
    finally:
        link.command("CONFIG", "SET", "appendfsync", "everysec")
