"""A scratch server's keys as commands that servers of every version take: what DUMP writes, only its own and later
versions read. The engine itself writes them (an append-only file without RDB preamble), streams' groups included.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from holdfast.contract.snapshot import RestoreRequest
from holdfast.engines.valkey.carry import Written, refusal
from holdfast.engines.valkey.resp import Link, Refused
from holdfast.kernel.errors import Conflict, Permanent
from holdfast.kernel.stop import Stop

_DIRECTORY = "appendonlydir"
_BYTES = 1 << 20  # of one round trip
_COMMANDS = 64
_SECONDS = 3600.0
_KINDS = {
    b"SET": "string", b"RPUSH": "list", b"SADD": "set", b"ZADD": "zset", b"HMSET": "hash", b"HSET": "hash",
    b"HSETEX": "hash", b"XADD": "stream",
}  # fmt: skip
_SECOND = (b"XGROUP",)  # commands whose key comes after a subcommand

Words = list[bytes]


def written_out(origin: Link, place: Path, stop: Stop) -> Path:
    """The file with every command. Raises Permanent, Cancelled."""
    origin.command("CONFIG", "SET", "aof-use-rdb-preamble", "no")
    origin.command("CONFIG", "SET", "appendonly", "yes")
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        stop.check()
        text = origin.command("INFO", "persistence").decode()
        facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if facts["aof_rewrite_in_progress"] == facts["aof_rewrite_scheduled"] == "0":
            found = sorted((place / _DIRECTORY).glob("*.base.aof"))
            if facts["aof_last_bgrewrite_status"] != "ok" or not found:
                break
            return found[-1]
        time.sleep(0.01)
    raise Permanent("the scratch server did not write its keys out", code="scratch_failed")


def transfer(
    path: Path, target: Link, databases: int | None, want: RestoreRequest, written: Written, stop: Stop
) -> int:
    """Send them, whole keys of the wanted types; how many. What is at the target already is a clash, never changed."""
    count, number = 0, 0
    batch = _Batch(target, want.into == "empty", written)
    with path.open("rb") as file:
        key, take = None, False
        for words in commands(file):
            name = words[0].upper()
            if name == b"SELECT":
                batch.send()
                number, key = int(words[1]), None
                if databases is None or number < databases:
                    target.select(number)
                continue
            if name == b"FUNCTION" or (databases is not None and number >= databases):
                continue
            stop.check()
            if (of := words[2 if name in _SECOND else 1]) != key:
                key, take = of, _wanted(number, name, want)
                count += take
                if take:
                    batch.begin(number, key)
            if take:
                batch.add(words)
        batch.send()
    return count


def _wanted(number: int, name: bytes, want: RestoreRequest) -> bool:
    kind = _KINDS.get(name, "module")
    return not want.select or any(fnmatchcase(f"{number}.{kind}", pattern) for pattern in want.select)


def commands(file: BinaryIO) -> Iterator[Words]:
    """Whole ones until the end. Raises Permanent for a file that is cut or something else."""
    while line := file.readline():
        if not line.startswith(b"*"):
            raise _broken()
        yield [_word(file) for _ in range(int(line[1:]))]


def _word(file: BinaryIO) -> bytes:
    line = file.readline()
    if not line.startswith(b"$") or not line.endswith(b"\r\n"):
        raise _broken()
    text = file.read(int(line[1:]) + 2)
    if len(text) != int(line[1:]) + 2:
        raise _broken()
    return text[:-2]


def _broken() -> Permanent:
    return Permanent("what the scratch server wrote cannot be read", code="scratch_failed")


class _Batch:
    """Commands of some keys in one round trip. A key that is new in a batch is looked for first."""

    def __init__(self, target: Link, empty: bool, written: Written) -> None:
        self._target, self._empty, self._written = target, empty, written
        self._new: list[tuple[int, bytes]] = []
        self._keys: list[bytes] = []
        self._commands: list[Words] = []
        self._bytes = 0
        self._key = b""

    def begin(self, number: int, key: bytes) -> None:
        self._key = key
        self._new.append((number, key))

    def add(self, words: Words) -> None:
        self._commands.append(words)
        self._keys.append(self._key)
        self._bytes += sum(map(len, words))
        if len(self._commands) >= _COMMANDS or self._bytes >= _BYTES:
            self.send()

    def send(self) -> None:
        if self._new and not self._empty:
            there = self._target.pipeline([("EXISTS", key) for _, key in self._new])
            for (_, key), answer in zip(self._new, there, strict=True):
                if answer:
                    raise Conflict(f"the key {key[:100]!r} exists already", code="key_exists")
        self._written += self._new
        answers = self._target.pipeline([tuple(words) for words in self._commands])
        keys = self._keys
        self._new, self._keys, self._commands, self._bytes = [], [], [], 0
        for key, answer in zip(keys, answers, strict=True):
            if isinstance(answer, Refused):
                raise refusal(key, answer)
