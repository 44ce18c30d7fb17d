"""One edit of one key: watched, compared, then done in one MULTI by the rights of the session's user."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Sequence
from typing import Any

from holdfast.contract.keyspace import Delete, Edit, Elements, Expire, KeyFacts, Put, Rename
from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.valkey import browse
from holdfast.engines.valkey.link import Link, Refused, connect, translate
from holdfast.kernel.errors import Conflict, Invalid, NotFound, PreconditionFailed, Retryable

Command = tuple[Any, ...]
_TRIES = 5
_MOST = 10_000  # elements in one edit
_ID = re.compile(r"(\d{1,18})-(\d{1,18})")
_LAST_MS = 253_402_300_799_999  # the end of the year 9999


def change(at: Endpoint, access: Access, database: int, key: bytes, edit: Edit, digest: str | None) -> KeyFacts | None:
    """See CanKeyValue.change."""
    with connect(at, access, database=database) as link:
        for _ in range(_TRIES):
            watched = [key, edit.to] if isinstance(edit, Rename) else [key]
            (answer,) = link.pipeline([("WATCH", *watched)])
            if isinstance(answer, Refused):
                raise translate(answer, write=access != "ro")
            if digest is not None and browse.digest(at, database, key) != digest:
                raise _changed()
            answers = link.pipeline([("MULTI",), *_commands(link, key, edit), ("EXEC",)])
            if answers[-1] is None:
                if digest is not None:
                    raise _changed()
                continue
            for answer in (*answers, *(answers[-1] if isinstance(answers[-1], list) else ())):
                if isinstance(answer, Refused):
                    raise translate(answer, write=access != "ro")
            left = browse.facts(link, [edit.to if isinstance(edit, Rename) else key])
            return left[0] if left else None
    raise Retryable("this key changes all the time", code="key_busy")


def _changed() -> PreconditionFailed:
    return PreconditionFailed(
        "the key was changed by someone else", hint="Read it again, decide again, and send the new ETag."
    )


def _commands(link: Link, key: bytes, edit: Edit) -> list[Command]:
    """Checked so far that none of them can fail once the first was done: a MULTI is not taken back."""
    kind = link.command("TYPE", key)
    if isinstance(edit, Put):
        if edit.only_new and kind != "none":
            raise Conflict("this key exists already", code="key_exists", hint="leave out create to replace it")
        expiry: list[Command] = [("PEXPIREAT", key, _moment(edit.expires_ms))] if edit.expires_ms is not None else []
        return [("UNLINK", key), *_whole(key, edit), *expiry]
    if kind == "none":
        raise NotFound("there is no such key", code="key_absent", hint="it may have expired")
    if isinstance(edit, Expire):
        return [("PERSIST", key) if edit.at_ms is None else ("PEXPIREAT", key, _moment(edit.at_ms))]
    if isinstance(edit, Rename):
        if edit.to != key and link.command("EXISTS", edit.to):
            raise Conflict("a key of that name exists already", code="key_exists", hint="delete it first")
        return [("RENAMENX", key, edit.to)]
    if isinstance(edit, Delete):
        return [("UNLINK", key)]
    return _elements(link, key, kind, edit)


def _whole(key: bytes, edit: Put) -> list[Command]:
    given = edit.elements
    if not given or len(given) > _MOST:
        raise _wrong(f"a value takes 1 to {_MOST} elements at once")
    if edit.type == "string":
        if len(given) != 1:
            raise _wrong("a string is one element")
        return [("SET", key, _text(given[0]))]
    if edit.type == "list":
        return [("RPUSH", key, *[_text(one) for one in given])]
    return _put(key, edit.type, given, (0, 0))


def _elements(link: Link, key: bytes, kind: str, edit: Elements) -> list[Command]:
    if not edit.put and not edit.remove:
        raise _wrong("nothing to put or remove")
    if len(edit.put) + len(edit.remove) > _MOST:
        raise _wrong(f"an edit takes at most {_MOST} elements")
    if kind == "string":
        if len(edit.put) != 1 or edit.remove:
            raise _wrong("a string is one element: put the new one")
        return [("SET", key, _text(edit.put[0]), "KEEPTTL")]
    if kind == "list":
        return _list_edit(key, link.command("LLEN", key), edit)
    last = (0, 0)
    if kind == "stream":
        facts = dict(link.command("XINFO", "STREAM", key))
        last = _id(facts[b"last-generated-id"].decode())
    return _put(key, kind, edit.put, last) + _remove(key, kind, edit.remove)


def _put(key: bytes, kind: str, given: Sequence[Any], last: tuple[int, int]) -> list[Command]:
    if kind not in ("hash", "set", "zset", "stream"):
        raise Conflict(f"values of type {kind} cannot be changed here", code="key_type")
    if not given:
        return []
    if kind == "hash":
        return [("HSET", key, *[_text(word) for one in given for word in _pair(one)])]
    if kind == "set":
        return [("SADD", key, *[_text(one) for one in given])]
    if kind == "zset":
        pairs = [_pair(one) for one in given]
        return [("ZADD", key, *[word for member, score in pairs for word in (_score(score), _text(member))])]
    return _entries(key, given, last)


def _list_edit(key: bytes, length: int, edit: Elements) -> list[Command]:
    """Removal is by index: marked first, since removing one moves those after it."""
    commands: list[Command] = []
    for index, value in map(_pair, edit.put):
        end = index is None
        commands.append(("RPUSH", key, _text(value)) if end else ("LSET", key, _index(index, length), _text(value)))
    if edit.remove:
        mark = secrets.token_bytes(24)
        commands += [("LSET", key, index, mark) for index in {_index(one, length) for one in edit.remove}]
        commands.append(("LREM", key, 0, mark))
    return commands


def _remove(key: bytes, kind: str, given: Sequence[Any]) -> list[Command]:
    if not given:
        return []
    words = {"hash": "HDEL", "set": "SREM", "zset": "ZREM", "stream": "XDEL"}
    if kind == "stream":
        return [("XDEL", key, *["-".join(map(str, _id(one))) for one in given])]
    return [(words[kind], key, *[_text(one) for one in given])]


def _entries(key: bytes, given: Sequence[Any], last: tuple[int, int]) -> list[Command]:
    """Ids must rise, and none of ours may follow one of the server's: it could be the smaller."""
    commands: list[Command] = []
    for given_name, fields in map(_pair, given):
        name = given_name.decode(errors="replace") if isinstance(given_name, bytes) else given_name
        if not isinstance(fields, list | tuple) or not fields:
            raise _wrong("an entry of a stream is (id, fields), with * for the server's id")
        flat = [_text(word) for one in fields for word in _pair(one)]
        if name != "*":
            if commands and commands[-1][2] == "*":
                raise _wrong("after * every id of a stream is *")
            if _id(name) <= last:
                raise _wrong(f"the ids of a stream rise: {name} does not come after {last[0]}-{last[1]}")
            last = _id(name)
        commands.append(("XADD", key, name, *flat))
    return commands


def _pair(one: Any) -> tuple[Any, Any]:
    if not isinstance(one, list | tuple) or len(one) != 2:
        raise _wrong("an element of this type is a pair")
    return one[0], one[1]


def _text(one: Any) -> bytes:
    if not isinstance(one, bytes):
        raise _wrong("an element is text or bytes")
    return one


def _id(one: Any) -> tuple[int, int]:
    text = one.decode(errors="replace") if isinstance(one, bytes) else one
    found = _ID.fullmatch(text) if isinstance(text, str) and text.isascii() else None
    if found is None:
        raise _wrong("an id of a stream reads 1526919030474-0, or * for the server's")
    return int(found[1]), int(found[2])


def _index(one: Any, length: int) -> int:
    if type(one) is not int or not -length <= one < length:
        raise _wrong(f"an index of this list is a whole number below {length}")
    return one % length


def _score(one: Any) -> str:
    try:
        score = float(one)
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if math.isnan(score):
        raise _wrong("a score is a number")
    return repr(score)


def _moment(at_ms: int) -> int:
    if not 0 < at_ms <= _LAST_MS:
        raise Invalid("a key expires before the year 10000", code="expiry_invalid")
    return at_ms


def _wrong(text: str) -> Invalid:
    return Invalid(text, code="elements_invalid")
