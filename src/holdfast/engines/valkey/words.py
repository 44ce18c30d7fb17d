"""A statement is one command line, split as valkey-cli does, with parameters in the place of bare words.

`?` is the next positional parameter, `:name` a named one; in quotes both are plain text. Parameters become arguments
of their own: nothing is pasted, so nothing can be escaped. `-n NUMBER` before the command names the database, as it
does for valkey-cli.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from holdfast.contract.query import Params
from holdfast.kernel.errors import Denied, Invalid

_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}
_NAMED = re.compile(r":[A-Za-z_]\w*")
_TOKEN = re.compile(
    r"""(?P<gap>\s*)(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<bare>[^\s"']+))(?=\s|$)""", re.S
)
_NUMBER = re.compile(rb"\d{1,6}")
_LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))", re.S)

# What the gateway passes on; the user's rights at the server are the fence behind it.
_LISTED = """
    append bitcount bitfield bitfield_ro bitop bitpos copy dbsize decr decrby del delifeq dump echo exists expire
    expireat expiretime flushdb geoadd geodist geohash geopos geosearch geosearchstore get getbit getdel getex
    getrange getset hdel hexists hexpire hexpireat hexpiretime hget hgetall hgetdel hgetex hincrby hincrbyfloat
    hkeys hlen hmget hmset hpersist hpexpire hpexpireat hpexpiretime hpttl hrandfield hscan hset hsetex hsetnx
    hstrlen httl hvals incr incrby incrbyfloat info lcs lindex linsert llen lmove lmpop lpop lpos lpush lpushx
    lrange lrem lset ltrim memory mget move mset msetex msetnx object persist pexpire pexpireat pexpiretime pfadd
    pfcount pfmerge ping psetex pttl randomkey rename renamenx rpop rpoplpush rpush rpushx sadd scan scard sdiff
    sdiffstore set setbit setex setnx setrange sinter sintercard sinterstore sismember smembers smismember smove
    sort sort_ro spop srandmember srem sscan strlen substr sunion sunionstore time touch ttl type unlink xack xadd
    xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xrevrange xtrim zadd zcard zcount zdiff zdiffstore
    zincrby zinter zintercard zinterstore zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex
    zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex
    zrevrangebyscore zrevrank zscan zscore zunion zunionstore
"""
COMMANDS = frozenset(_LISTED.split())

_PARTS = {"memory": {b"usage"}, "object": {b"encoding", b"freq", b"idletime", b"refcount"}}
_WAITS = """
    blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin wait waitaof xread xreadgroup
"""
_LASTS = """
    asking auth client discard exec hello multi quit readonly readwrite reset select unwatch watch
"""
_RULES = """
    acl bgrewriteaof bgsave cluster clusterscan command commandlog config debug eval eval_ro evalsha evalsha_ro failover
    fcall fcall_ro flushall function georadius georadius_ro georadiusbymember georadiusbymember_ro keys lastsave latency
    lolwut migrate module monitor pfdebug pfselftest psubscribe psync publish pubsub punsubscribe replconf replicaof
    restore restore-asking role save script shutdown slaveof slowlog spublish ssubscribe subscribe sunsubscribe swapdb
    sync unsubscribe xsetid
"""
REFUSED = frozenset((_WAITS + _LASTS + _RULES).split())
"""What the server knows and the gateway never passes on; with COMMANDS it is every command of this version."""


def arguments(statement: str, params: Params) -> tuple[int, list[bytes]]:
    """The database's number, and the command with its arguments. Raises Invalid, Denied (code "statement_denied")."""
    words = split(statement)
    database, words = _database(words)
    if not words:
        raise Invalid("the statement is empty", code="statement_invalid")
    name = words[0][0].decode(errors="replace").lower()
    if words[0][1] and _is_parameter(words[0][0], params):
        raise Invalid("a parameter cannot be the command", code="params_invalid")
    bound = _bind(words, params)
    if name not in COMMANDS:
        raise _refusal(name)
    if name in _PARTS and (len(bound) < 2 or bound[1].lower() not in _PARTS[name]):
        known = b", ".join(sorted(_PARTS[name])).decode()
        raise Denied(f"of {name!r} only a part is run here", code="statement_denied", hint=f"{name} {known}")
    return database, bound


def _database(words: list[tuple[bytes, bool]]) -> tuple[int, list[tuple[bytes, bool]]]:
    if not words or words[0] != (b"-n", True):
        return 0, words
    number = words[1][0] if len(words) > 1 else b""
    if not _NUMBER.fullmatch(number):
        raise Invalid("-n takes the number of a database", code="statement_invalid", hint="-n 3 GET key")
    return int(number), words[2:]


def _refusal(name: str) -> Denied | Invalid:
    if name not in REFUSED:
        return Invalid(f"there is no command {name[:40]!r}", code="statement_invalid")
    hint = "use the connection URL, or another command"
    if name in _LASTS.split():
        hint = "each statement has a connection of its own, so this would last no longer; -n 3 GET key reads database 3"
    elif name in _WAITS.split():
        hint = "a statement does not wait; ask again later, or use the connection URL"
    return Denied(f"{name!r} is not run here", code="statement_denied", hint=hint)


def split(statement: str) -> list[tuple[bytes, bool]]:
    """(word, whether it stood bare) of one line. Raises Invalid (code "many_statements") when there are more lines."""
    found, at, text = [], 0, statement.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Invalid("the quotes of this statement do not match", code="statement_invalid")
        if _LINE_ENDS.intersection(match["gap"]):
            raise Invalid("one line is one statement", code="many_statements", hint="send the lines one by one")
        at = match.end()
        if match["double"] is not None:
            found.append((_unescape(match["double"]), False))
        elif match["single"] is not None:
            found.append((_encode(match["single"].replace("\\'", "'")), False))
        else:
            found.append((_encode(match["bare"]), True))
    return found


def _unescape(text: str) -> bytes:
    out, at = bytearray(), 0
    for match in _ESCAPE.finditer(text):
        out += _encode(text[at : match.start()])
        out += bytes.fromhex(match[1]) if match[1] else _ESCAPES.get(match[2], _encode(match[2]))
        at = match.end()
    return bytes(out + _encode(text[at:]))


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Invalid("the statement holds half a character", code="statement_invalid") from None


def _is_parameter(word: bytes, params: Params) -> bool:
    return word == b"?" or (isinstance(params, Mapping) and _NAMED.fullmatch(word.decode(errors="replace")) is not None)


def _bind(words: list[tuple[bytes, bool]], params: Params) -> list[bytes]:
    bound: list[bytes] = []
    used = 0
    for word, bare in words:
        if not bare or not _is_parameter(word, params):
            bound.append(word)
        elif isinstance(params, Mapping):
            name = word[1:].decode()
            if name not in params:
                raise Invalid(f"there is no parameter {name or '?'!r}", code="params_invalid")
            bound.append(_argument(params[name]))
        else:
            if used >= len(params):
                raise Invalid("there are fewer parameters than ?", code="params_invalid")
            bound.append(_argument(params[used]))
            used += 1
    if not isinstance(params, Mapping) and used != len(params):
        raise Invalid(f"{len(params)} parameters were given, {used} are used", code="params_invalid")
    return bound


def _argument(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return _encode(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value).encode()
    raise Invalid("a parameter is text, bytes or a number", code="params_invalid")
