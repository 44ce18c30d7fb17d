"""Bringing a snapshot into a living server: key by key out of a scratch server, with absolute expiries."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from holdfast.contract.snapshot import Receipt, RestoreRequest, Source
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import keys, portable, scratch
from holdfast.engines.valkey.carry import AT_ONCE, Written, carried, refusal
from holdfast.engines.valkey.link import Link, Refused, connect
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, NeedsOperator
from holdfast.kernel.stop import Stop


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
            path = None if at.hosted else portable.written_out(origin, place, stop)
            return transfer(at, origin, path, want, stop)


def transfer(at: Endpoint, origin: Link, path: Path | None, want: RestoreRequest, stop: Stop) -> Receipt:
    written: Written = []
    try:
        with connect(at, stop=stop) as target:
            if want.into == "empty" and keys.databases(target):
                raise Conflict("the target holds keys already", code="target_not_empty")
            if path is not None:
                portable.transfer(path, target, origin.count, want, written, stop)
            for number in keys.databases(origin) if path is None else ():
                origin.select(number)
                target.select(number)
                for batch in keys.scan(origin, stop):
                    for start in range(0, len(batch), AT_ONCE):
                        stop.check()
                        _copy(origin, target, number, batch[start : start + AT_ONCE], want, written)
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
    found = carried(origin, chosen)
    sure = want.into == "empty"  # nobody else's key can be among them: also those whose answer is lost are taken back
    if sure:
        written += [(number, key) for key, _, _ in found]
    answers = target.pipeline([("RESTORE", key, ttl, payload, "ABSTTL") for key, ttl, payload in found])
    if not sure:
        written += [(number, key) for (key, _, _), answer in zip(found, answers, strict=True) if answer == "OK"]
    for (key, _, _), answer in zip(found, answers, strict=True):
        if isinstance(answer, Refused):
            raise refusal(key, answer)


def _undo(at: Endpoint, written: Written, cause: BaseException) -> None:
    """On a new connection: the old one may be the reason. Raises NeedsOperator when keys stay behind."""
    try:
        with connect(at) as target:
            for start in range(0, len(written), AT_ONCE):
                part = written[start : start + AT_ONCE]
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
