"""This engine's words for the conformance suite: a collection is a hash, a row one of its fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from holdfast.contract.conformance import Dialect
from holdfast.contract.conformance.subject import Writer
from holdfast.contract.conformance.words import Answers
from holdfast.contract.spec import Endpoint
from holdfast.engines.valkey.link import connect
from holdfast.engines.valkey.words import split

_AT_ONCE = 500  # fields in one command


@contextmanager
def writer(at: Endpoint) -> Iterator[Writer]:
    """One connection of the owner; each call is one MULTI."""
    with connect(at, "owner") as link:

        def execute(statements: Sequence[str]) -> None:
            lines = [tuple(word for word, _ in split(statement)) for statement in statements]
            answers = link.pipeline([("MULTI",), *lines, ("EXEC",)])
            for answer in (*answers, *answers[-1]):
                if isinstance(answer, Exception):
                    raise answer

        yield execute


def quote(name: str) -> str:
    """A word of a command line, whatever is in it."""
    plain = name.isascii() and name.isprintable()
    return '"' + "".join(
        chr(byte) if plain and byte not in b'"\\' else f"\\x{byte:02x}" for byte in name.encode()
    ) + '"'  # fmt: skip


_PING = Answers("PING", (("PONG",),))
_NOTHING = Answers("HGETALL nothing", (), ("field", "value"))


@dataclass(frozen=True)
class Words:
    """Implements `contract.conformance.words.Words`."""

    ping: Answers = _PING
    nothing: Answers = _NOTHING
    whole: tuple[Answers, ...] = (
        Answers('ECHO "PING\nDEL t"\n', (("PING\nDEL t",),)),
        Answers("ECHO 'PING; DEL t'", (("PING; DEL t",),)),
    )
    two: tuple[str, ...] = ("PING\nDEL t", "DEL t\r\nPING", 'GET "x"\nDEL t', "PING\u2028DEL t", "EXEC\nDEL t")
    nonsense: tuple[str, ...] = ("GETT t", "GET", "", "   ", 'GET "open', "-n", "-n x GET t", "PING; t u v")
    missing: str = "GET t"
    writes: tuple[str, ...] = ("HSET t 99 x", "DEL t", "UNLINK t", "HDEL t 1", "RENAME t t2", "EXPIRE t 1", "FLUSHDB",
                               "COPY t u", "MOVE t 3", "SORT l STORE t", "GETDEL t", "-n 0 DEL t",
                               "SPOP t", "BITOP NOT u t", "GETEX t EX 1", "SUNIONSTORE u t")  # fmt: skip

    def collection(self, name: str, rows: int = 0, width: int = 0) -> list[str]:
        pad = "n" * max(1, width)
        return _filled(name, [f"{number} {pad}{number}" for number in range(1, rows + 1)])

    def shop(self, rows: int) -> list[str]:
        return self.collection("customers", rows // 10) + self.collection("orders", rows, 100)

    def amounts(self, name: str, rows: int, amount: int) -> list[str]:
        return _filled(name, [f"{number} {amount}" for number in range(1, rows + 1)])

    def add(self, name: str, number: int, text: str) -> str:
        return f"HSET {name} {number} {quote(text)}"

    def add_bound(self, name: str) -> str:
        return f"HSET {name} ? ?"

    change = add

    def move(self, name: str, number: int, by: int) -> str:
        return f"HINCRBY {name} {number} {by}"

    def touch_first(self, name: str, count: int) -> str:
        return f"HDEL {name} " + " ".join(str(number) for number in range(1, count + 1))

    def drop(self, name: str) -> str:
        return f"DEL {name}"

    def keep_first(self, name: str, count: int, of: int) -> str:
        return f"HDEL {name} " + " ".join(str(number) for number in range(count + 1, of + 1))

    def count(self, name: str) -> str:
        return f"HLEN {name}"

    def rows(self, name: str) -> str:
        return f"HGETALL {name}"

    def text_of(self, name: str, named: str | None = None) -> str:
        return f"HGET {name} :{named}" if named else f"HGET {name} ?"

    def both_of(self, name: str) -> str:
        return f"HMGET {name} ? ?"

    def value(self, expression: str) -> str:
        return expression

    def flooded(self) -> list[str]:
        return _filled("flood", [str(number) for number in range(20_000)], "RPUSH")


def _filled(name: str, words: list[str], command: str = "HSET") -> list[str]:
    return [f"{command} {name} {' '.join(words[at : at + _AT_ONCE])}" for at in range(0, len(words), _AT_ONCE)]


_AWKWARD = (
    r'SET raw "\x00\xff\xfe\r\n\"end"',
    r'SET "\xff\x00" "a key of no text"',
    'SET "" "the empty key"',
    "SET later kept PXAT 4102444800123",
    "SETBIT bits 10000 1",
    "PFADD guess a b c",
    r'RPUSH list a "" a "\xc3\x28"',
    "SADD numbers 1 2 3",
    r'SADD words a "" "\xff"',
    r'HSET hash "" empty field "" "\x00" "\xff"',
    "HPEXPIREAT hash 4102444800000 FIELDS 1 field",
    "ZADD ranks 1.5 a -inf b +inf c 1e-300 d",
    "GEOADD places 13.361389 38.115556 Palermo",
    'XADD stream 1-1 k "v v" k ""',
    "XGROUP CREATE stream readers 0",
    "EXPIREAT ranks 4102444800",
    "COPY list list DB 3",
    "MOVE numbers 5",
)

NEVER = (
    "CONFIG GET *", "SHUTDOWN NOSAVE", "DEBUG SLEEP 0", "REPLICAOF 127.0.0.1 1", "SLAVEOF NO ONE", "ACL LIST",
    "EVAL 'return 1' 0", "EVALSHA x 0", "FCALL f 0", "FUNCTION LIST", "SCRIPT FLUSH", "MODULE LIST",
    "MIGRATE h 1 k 0 1", "CLIENT KILL TYPE normal", "CLIENT PAUSE 1000", "SAVE", "BGSAVE", "BGREWRITEAOF", "PSYNC x -1",
    "SYNC", "SWAPDB 0 1", "FLUSHALL", "MONITOR", "RESTORE k 0 x", "BLPOP l 0", "BRPOPLPUSH a b 0", "KEYS *",
)  # fmt: skip
"""Refused to everyone, by the gateway and by the server's rights alike, but for KEYS, which the owner's URL may run."""

_HOSTILE = (
    *NEVER, "MULTI", "EXEC", "SELECT 5", "RESET", "AUTH db_owner x", "HELLO 2", "DISCARD", "-n 16 DEL t", "SUBSCRIBE x",
    "PUBLISH x y", "EVAL \"redis.call('DEL','t')\" 0", "OBJECT FREEZE t",
)  # fmt: skip

_SINCE_9 = ("HPEXPIREAT", "HEXPIRE", "HSETEX")  # what Redis 7.0 does not know

DIALECT = Dialect(
    schema="0",
    quote=quote,
    blob="",
    blob_literal=lambda data: '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"',
    placeholder=lambda _: "?",
    named=lambda name: f":{name}",
    endless="BLPOP nothing 0",
    flood="LRANGE flood 0 -1",
    names=(
        'quo"te',
        "semi;colon",
        "GET",
        "Größe 😀",
        "a b.c/d",
        "x" * 63,
        "back\\slash",
        "?",
        ":name",
        "-n",
        "li\r\nne",
    ),
    awkward=_AWKWARD,
    corrupt_row="SETRANGE raw 1 x",
    writer=writer,
    values=(
        ("GET nothing", None),
        ('ECHO "naïve 😀"', "naïve 😀"),
        (r'ECHO "\x00\xff"', b"\x00\xff"),
        ('ECHO ""', ""),
        ("EXISTS nothing", 0),
        ("MGET nothing", None),
        ("TYPE nothing", "none"),
    ),
    hostile=_HOSTILE,
    denied=(*NEVER, "-n 16 DBSIZE", "-n 128 DBSIZE", "COPY t t DB 16", "MOVE t 17", "AUTH db_owner x"),
    own_words=Words(),
)
OLDER = replace(DIALECT, awkward=tuple(text for text in _AWKWARD if not text.startswith(_SINCE_9)))
"""The same for servers as old as Redis 7.0, where fields of a hash do not expire by themselves."""
HOSTED_REDIS = replace(OLDER, awkward=tuple(text for text in OLDER.awkward if not text.startswith(("COPY", "MOVE"))))
"""Redis 7.0 of ours: without a rule for databases in its ACL, users may not copy or move keys to another."""
