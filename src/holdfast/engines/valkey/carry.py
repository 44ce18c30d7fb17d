"""Keys on their way from one server to another, and what a server says against one."""

from __future__ import annotations

from holdfast.engines.valkey.resp import Link, Refused
from holdfast.kernel.errors import Conflict, HoldfastError, LimitExceeded, Permanent

AT_ONCE = 64  # keys per round trip
Written = list[tuple[int, bytes]]


def carried(link: Link, keys: list[bytes]) -> list[tuple[bytes, int, bytes]]:
    """(key, absolute expiry in ms or 0, DUMP payload) of the keys that are still there. Raises Refused."""
    raw = link.pipeline([words for key in keys for words in (("PEXPIRETIME", key), ("DUMP", key))])
    for answer in raw:
        if isinstance(answer, Refused):
            raise answer
    return [
        (key, max(0, expires), payload)
        for key, expires, payload in zip(keys, raw[::2], raw[1::2], strict=True)
        if payload is not None and expires != -2
    ]


def refusal(key: bytes, answer: Refused) -> HoldfastError:
    if answer.code == "BUSYKEY":
        return Conflict(f"the key {key[:100]!r} exists already", code="key_exists")
    if answer.code == "OOM":
        return LimitExceeded("the data does not fit into the target", code="out_of_memory", hint="raise max_data_mb")
    return Permanent(f"the server refuses the key {key[:100]!r}: {answer}", code="restore_failed")
