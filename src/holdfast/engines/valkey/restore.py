"""Bringing a snapshot into a living server: key by key out of a scratch server, with absolute expiries."""

from __future__ import annotations

from fnmatch import fnmatchcase

from holdfast.contract.snapshot import Receipt, RestoreRequest, Source
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import keys, scratch
from holdfast.engines.valkey.link import Link, Refused, connect
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, LimitExceeded, NeedsOperator, Permanent
from holdfast.kernel.stop import Stop

_AT_ONCE = 64  # keys per round trip
Written = list[tuple[int, bytes]]


def restore(at: Endpoint, tools: Tools, source: Source, want: RestoreRequest, stop: Stop) -> Receipt:
    """`select` takes "database.type" patterns. Every byte is here and loaded before the target sees the first key.

    On an error the keys written so far are deleted again; a key that exists is a clash and is never overwritten.
    """
    if want.rename:
        raise Invalid("keys cannot be renamed while they are restored", code="rename_unsupported")
    stop.check()
    with scratch.directory(tools) as place:
        size = scratch.pull(source, place / scratch.ENTRY, stop)
        if want.progress is not None:
            want.progress(size)
        stop.check()
        with scratch.loaded(tools, place, stop) as origin:
            origin.count = keys.seen_databases(source.manifest)
            return _transfer(at, origin, want, stop)


def _transfer(at: Endpoint, origin: Link, want: RestoreRequest, stop: Stop) -> Receipt:
    written: Written = []
    try:
        with connect(at, stop=stop) as target:
            if want.into == "empty" and keys.databases(target):
                raise Conflict("the target holds keys already", code="target_not_empty")
            for number in keys.databases(origin):
                origin.select(number)
                target.select(number)
                for batch in keys.scan(origin, stop):
                    for start in range(0, len(batch), _AT_ONCE):
                        stop.check()
                        _copy(origin, target, number, batch[start : start + _AT_ONCE], want, written)
    except BaseException as error:
        _undo(at, written, error)
        raise
    return Receipt((f"{len(written)} keys restored",), {"keys": len(written)})


def _copy(origin: Link, target: Link, number: int, batch: list[bytes], want: RestoreRequest, written: Written) -> None:
    kinds = origin.pipeline([("TYPE", key) for key in batch])
    chosen = [
        key
        for key, kind in zip(batch, kinds, strict=True)
        if not want.select or any(fnmatchcase(f"{number}.{kind}", pattern) for pattern in want.select)
    ]
    raw = origin.pipeline([words for key in chosen for words in (("PEXPIRETIME", key), ("DUMP", key))])
    found = [
        (key, max(0, expires), payload)
        for key, expires, payload in zip(chosen, raw[::2], raw[1::2], strict=True)
        if payload is not None and expires != -2
    ]
    sure = want.into == "empty"  # nobody else's key can be among them: also those whose answer is lost are taken back
    if sure:
        written += [(number, key) for key, _, _ in found]
    answers = target.pipeline([("RESTORE", key, ttl, payload, "ABSTTL") for key, ttl, payload in found])
    if not sure:
        written += [(number, key) for (key, _, _), answer in zip(found, answers, strict=True) if answer == "OK"]
    for (key, _, _), answer in zip(found, answers, strict=True):
        if isinstance(answer, Refused):
            raise _refusal(key, answer)


def _refusal(key: bytes, answer: Refused) -> HoldfastError:
    if answer.code == "BUSYKEY":
        return Conflict(f"the key {key[:100]!r} exists already", code="key_exists")
    if answer.code == "OOM":
        return LimitExceeded("the data does not fit into the target", code="out_of_memory", hint="raise max_data_mb")
    return Permanent(f"the server refuses the key {key[:100]!r}: {answer}", code="restore_failed")


def _undo(at: Endpoint, written: Written, cause: BaseException) -> None:
    """On a new connection: the old one may be the reason. Raises NeedsOperator when keys stay behind."""
    try:
        with connect(at) as target:
            for start in range(0, len(written), _AT_ONCE):
                part = written[start : start + _AT_ONCE]
                target.pipeline(
                    [words for number, key in part for words in (("SELECT", target.first + number), ("UNLINK", key))]
                )
    except HoldfastError as error:
        if not written:
            return
        raise NeedsOperator(
            f"the restore failed ({cause}) and up to {len(written)} keys could not be taken back: {error.message}",
            code="restore_half",
            hint="start the server again and delete the keys, or remove this database",
        ) from cause
