"""What a login may do at a Valkey or Redis server that is not ours. Asked without effect: nothing is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.contract.privileges import Power, Report
from holdfast.contract.spec import Endpoint
from holdfast.engines.valkey import foreign
from holdfast.engines.valkey.link import connect
from holdfast.engines.valkey.resp import Link, Refused
from holdfast.kernel.errors import HoldfastError

PATIENCE_SECONDS = 20.0
READER = "holdfast_reader"
READER_RULES = (
    "on >choose-one %R~* %R~ resetchannels -@all +@read +@connection -@write -@dangerous +info +multi +discard"
)
_MB = 1024 * 1024
_LEAST_MB = 256
_KEY = "holdfast:probe"
_PROBES: dict[str, tuple[Any, ...]] = {
    "set": ("SET", _KEY, "x"),
    "swapdb": ("SWAPDB", 0, 1),
    "flushdb": ("FLUSHDB", "ASYNC"),
    "client|kill": ("CLIENT", "KILL", "TYPE", "pubsub"),
    "replconf": ("REPLCONF", "capa", "eof"),
    "psync": ("PSYNC", "?", "-1"),
    "dump": ("DUMP", _KEY),
    "config|set": ("CONFIG", "SET", "maxclients", "10000"),
}


@dataclass(frozen=True)
class _Found:
    at: Endpoint
    facts: dict[str, str]
    may: dict[str, bool | None]  # None: could not be found out
    crowded: str | None
    total: int | None
    span: int
    proof: tuple[bool, str]


def report(at: Endpoint) -> Report:
    """See `contract.privileges.CanReport.report`."""
    with connect(at, seconds=PATIENCE_SECONDS) as link:
        facts = foreign.information(link, "server", "memory", "replication", "keyspace", "persistence")
        user = at.roles["admin"].user
        may = dict(zip(_PROBES, allowed_to(link, user, [*_PROBES.values()]), strict=True))
        if may["replconf"] is None:  # tells the server something about this line only, which ends here
            (said,) = link.pipeline([_PROBES["replconf"]])
            may["replconf"] = said == "OK"
        crowded, total, span = foreign.crowded(link), link.count, link.span
        proof = _proof(link, at)
    return _told(_Found(at, facts, may, crowded, total, span, proof))


def allowed_to(
    link: Link, user: str, commands: Sequence[tuple[Any, ...]], own: Link | None = None
) -> list[bool | None]:
    """Whether `user` may run each, by the server's own word: ACL DRYRUN where `link` may ask, else queued on `own`
    (that user's line; None: `link` is) in a MULTI that is discarded. None where neither tells."""
    asked = link.pipeline([("ACL", "DRYRUN", user, *words) for words in commands])
    if not any(isinstance(answer, Refused) and answer.code == "NOPERM" for answer in asked):
        return [_dry(answer) for answer in asked]
    line = own or link
    (begun,) = line.pipeline([("MULTI",)])
    if begun != "OK":  # what came after it would be done
        return [None for _ in commands]
    queued = line.pipeline(list(commands))
    line.pipeline([("DISCARD",)])
    return [_queued(answer) for answer in queued]


def _dry(answer: Any) -> bool | None:
    if isinstance(answer, Refused):  # no such command, or other arguments than this version wants
        return False if "not found" in str(answer) else None
    return bool(answer == "OK")


def _queued(answer: Any) -> bool | None:
    if answer == "QUEUED":
        return True
    text = str(answer)
    return False if text.startswith("NOPERM") or "unknown command" in text else None


def _proof(link: Link, at: Endpoint) -> tuple[bool, str]:
    """Whether the server keeps the reader's login from changing anything, and the reason in words."""
    reader = at.roles.get("ro", at.roles["admin"])
    if reader == at.roles["admin"]:
        told = allowed_to(link, reader.user, [("SET", _KEY, "x")])
        return (False, "no read-only login is registered" + (", and this one can write" if told[0] else ""))
    try:
        with connect(at, "ro", seconds=PATIENCE_SECONDS) as own:
            commands = _changing(link)
            if not commands:
                return False, "the login may not ask COMMAND, so nobody knows which commands write"
            told = allowed_to(link, reader.user, [words for _, words in commands], own)
    except HoldfastError as error:
        return False, f"the read-only login cannot come in: {error.message}"
    if all(answer is None for answer in told):
        return False, "neither may the login ask ACL DRYRUN, nor the read-only login MULTI and DISCARD"
    loose = [name for (name, _), answer in zip(commands, told, strict=True) if answer is not False]
    if loose:
        more = f" and {len(loose) - 5} more" if len(loose) > 5 else ""
        return False, f"the read-only login can run {', '.join(loose[:5])}{more}"
    return True, "the server keeps its login from every command that writes"


def _changing(link: Link) -> list[tuple[str, tuple[Any, ...]]]:
    """Every command of this server that writes, with as many words as it wants, and what else changes a server."""
    (known,) = link.pipeline([("COMMAND",)])
    if isinstance(known, Refused):
        return []
    found: list[tuple[str, tuple[Any, ...]]] = []
    for one in [each for command in known for each in (command, *(command[9] if len(command) > 9 else ()))]:
        name, arity, flags = one[0].decode(errors="replace"), int(one[1]), {str(flag) for flag in one[2]}
        if ("write" in flags or name in ("eval", "evalsha", "fcall")) and "no_multi" not in flags:
            words = name.split("|")
            found.append((name, (*words, *_words(name, abs(arity) - len(words)))))
    subcommands = (("config|set", ("CONFIG", "SET", "a", "b")), ("acl|setuser", ("ACL", "SETUSER", "a")),
                   ("replicaof", ("REPLICAOF", "NO", "ONE")), ("flushall", ("FLUSHALL",)))  # fmt: skip
    return [*found, *subcommands]


def _words(name: str, count: int) -> list[Any]:
    """Where a number of keys is asked for, one: the server looks for the keys before it judges."""
    if name in ("eval", "evalsha", "fcall"):
        return ["x", 1, _KEY]
    if name in ("lmpop", "zmpop", "blmpop", "bzmpop"):
        return [1, _KEY, "LEFT" if "l" in name[:2] else "MIN"] if name[0] != "b" else [1, 1, _KEY, "LEFT"]
    return [_KEY] * count


def _told(found: _Found) -> Report:
    facts = found.facts
    valkey = facts.get("valkey_version")
    return Report(
        engine="valkey",
        version=valkey or facts.get("redis_version", "?"),
        user=found.at.roles["admin"].user,
        powers=(
            Power("look", True),
            _read(found),
            _write(found),
            _snapshot(found),
            Power("restore_new", False, "a server is one database: restore into one hosted here, or in place"),
            _in_place(found),
            Power("point_in_time", False, "a Valkey server keeps no log of moments"),
        ),
        warnings=tuple(_warnings(found)),
        spec=_spec(found),
        facts={
            "software": "valkey" if valkey else "redis",
            "role": facts.get("role"),
            "databases": found.total,
            "maxmemory_policy": facts.get("maxmemory_policy"),
            "append_only": facts.get("aof_enabled") == "1",
        },
    )


def _read(found: _Found) -> Power:
    ok, why = found.proof
    if ok:
        return Power("read", True, why)
    ours, reader = found.at.roles["admin"], found.at.roles.get("ro")
    name = reader.user if reader is not None and reader != ours else READER
    rules = READER_RULES if name == READER else READER_RULES.replace(" >choose-one", "")
    return Power("read", False, why, (f"ACL SETUSER {name} resetkeys {rules}",))


def _write(found: _Found) -> Power:
    if found.facts.get("role") != "master":
        return Power("write", False, "the server is a replica")
    if found.may["set"] is False:
        return Power("write", False, "the login may not write", (_grant(found, "+@write", "~*"),))
    return Power("write", True)


def _grant(found: _Found, *rules: str) -> str:
    return f"ACL SETUSER {found.at.roles['admin'].user} {' '.join(rules)}"


def _foreign_format(found: _Found) -> bool:
    """Redis 7.4 and later write an RDB of their own, which no Valkey reads."""
    if "valkey_version" in found.facts:
        return False
    numbers = [int(part) if part.isdigit() else 0 for part in found.facts.get("redis_version", "0").split(".")[:2]]
    return tuple(numbers) >= (7, 4)


def _snapshot(found: _Found) -> Power:
    if _foreign_format(found):
        return Power("snapshot", False, "Redis 7.4 and later keep their data in a format that only they read")
    if found.may["replconf"] is not False and found.may["psync"] is not False:
        return Power("snapshot", True)
    remedy = (_grant(found, "+psync", "+replconf"),)
    if found.may["dump"] is False:
        return Power("snapshot", False, "the login may neither replicate nor dump keys", remedy)
    return Power("snapshot", True, "key by key, not of one moment: one moment needs +psync and +replconf", remedy)


def _in_place(found: _Found) -> Power:
    if found.facts.get("role") != "master":
        return Power("restore_in_place", False, "the server is a replica")
    lacking = [name for name in ("set", "swapdb", "flushdb", "client|kill") if not found.may[name]]
    if lacking:
        rules = [f"+{name}" for name in lacking if name != "set"] + (["+@write"] if "set" in lacking else [])
        remedy = (_grant(found, "+@transaction", *rules, "+config|get"),)
        return Power("restore_in_place", False, f"the login may not run {', '.join(lacking)}", remedy)
    if found.crowded is not None:
        needed = () if found.span else (_grant(found, "+config|get"),)
        return Power("restore_in_place", False, found.crowded, needed)
    first, last = found.span, foreign.ROOMS * found.span
    return Power("restore_in_place", True, f"in the empty databases {first} to {last}, which are ours meanwhile")


def _warnings(found: _Found) -> Iterator[str]:
    if found.may["config|set"]:
        yield (
            "The login may do everything here. One of its own is enough: ACL SETUSER holdfast on >choose-one ~* &* "
            "+@all -@admin -@dangerous +info +config|get +dump +psync +replconf +acl|dryrun "
            "+swapdb +flushdb +client|kill"
        )
    if found.at.tls == "disable":
        yield "Nothing is encrypted on the way to this server, not even the password."
    if found.at.tls == "require":
        yield "TLS encrypts, but the server's certificate is not verified: anybody in between could pose as it."
    if found.facts.get("maxmemory", "0") != "0" and found.facts.get("maxmemory_policy") != "noeviction":
        yield f"Keys are given up when its memory is full ({found.facts.get('maxmemory_policy')})."


def _spec(found: _Found) -> dict[str, Any]:
    """What one of ours needs to hold the same: for rehearsals, and for restores into a new database."""
    memory = int(found.facts.get("maxmemory", "0")) or int(found.facts.get("total_system_memory", "0"))
    highest = max((int(name[2:]) for name in found.facts if name[:2] == "db" and name[2:].isdigit()), default=0)
    databases = min(1024, max(found.total or 16, highest + 1))
    return {"version": "9", "databases": databases, "max_data_mb": max(_LEAST_MB, memory // _MB)}
