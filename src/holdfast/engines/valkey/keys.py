"""What a server holds: keys by database and type, and a row-set digest that does not see their order.

A key's own digest is the server's (DEBUG DIGEST-VALUE: blind to the order of sets and hashes, not of lists). It does
not cover a stream's consumer groups nor the expiry of single hash fields; both are restored all the same.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from holdfast.contract.catalog import JSON, Catalog, Column, Relation
from holdfast.contract.snapshot import Manifest, TableFacts
from holdfast.engines.valkey.link import Link, Refused
from holdfast.kernel.stop import Stop

METHOD = "valkey-debug-digest-sum256-1"
BATCH = 500
SAMPLES = 50
_MODULUS = 1 << 256
COLUMNS = (
    Column("key", "bytes", nullable=False, primary_key=1),
    Column("expires", "ms"),  # since 1970, None: stays
    Column("size", "integer"),  # elements, for text bytes
    Column("value", "any"),
)


@dataclass
class Sum:
    """Keys of one type in one database: those that stay, and those with an expiry."""

    rows: int = 0
    total: int = 0
    volatile_rows: int = 0
    volatile_total: int = 0
    earliest: int = 0
    samples: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, key: bytes, digest: bytes, expires: int) -> None:
        raw = hashlib.sha256(b"%d:%b%b%d" % (len(key), key, digest, expires)).digest()
        number = int.from_bytes(raw, "big")
        if expires < 0:
            self.rows, self.total = self.rows + 1, (self.total + number) % _MODULUS
            return
        self.volatile_rows, self.volatile_total = self.volatile_rows + 1, (self.volatile_total + number) % _MODULUS
        self.earliest = min(self.earliest or expires, expires)
        if len(self.samples) < SAMPLES:
            self.samples.append((key.hex(), expires, digest.decode()))

    def volatile(self) -> dict[str, JSON]:
        """What the manifest keeps of the expiring keys; `earliest` is when the digest stops being comparable."""
        return {
            "rows": self.volatile_rows,
            "digest": f"{self.volatile_total:064x}",
            "earliest": self.earliest,
            "samples": [list(sample) for sample in self.samples],
        }


Sums = dict[tuple[int, str], Sum]


def databases(link: Link) -> dict[int, int]:
    """{number: keys} of the databases of this line's block that hold any, as its users count."""
    text = link.command("INFO", "keyspace").decode()
    found = {}
    for line in text.splitlines():
        if line.startswith("db"):
            number, _, facts = line[2:].partition(":")
            found[int(number) - link.first] = int(facts.split("keys=")[1].split(",")[0])
    most = link.count
    return {number: keys for number, keys in found.items() if number >= 0 and (most is None or number < most)}


def version(link: Link) -> str:
    lines = dict(line.split(":", 1) for line in link.command("INFO", "server").decode().splitlines() if ":" in line)
    return str(lines.get("valkey_version") or lines["redis_version"])


def scan(link: Link, stop: Stop) -> Iterator[list[bytes]]:
    """Every key of the selected database once: SCAN itself may give one twice while its table grows."""
    cursor, seen = b"0", set[bytes]()
    while True:
        stop.check()
        cursor, keys = link.command("SCAN", cursor, "COUNT", BATCH)
        fresh = []
        for key in keys:
            mark = hashlib.blake2b(key, digest_size=12).digest()
            if mark not in seen:
                seen.add(mark)
                fresh.append(key)
        if fresh:
            yield fresh
        if cursor == b"0":
            return


def sums(link: Link, stop: Stop) -> Sums:
    """The digests of everything there. A key that expires meanwhile is left out."""
    found: Sums = {}
    for number in databases(link):
        link.select(number)
        for keys in scan(link, stop):
            for key, kind, expires, digest in facts(link, keys):
                found.setdefault((number, kind), Sum()).add(key, digest, expires)
    return found


def facts(link: Link, keys: list[bytes]) -> Iterator[tuple[bytes, str, int, bytes]]:
    """(key, type, absolute expiry in ms or -1, digest) of the keys that are still there."""
    answers = link.pipeline(
        [command for key in keys for command in (("TYPE", key), ("PEXPIRETIME", key))]
        + [("DEBUG", "DIGEST-VALUE", *keys)]
    )
    if isinstance(answers[-1], Refused):
        raise answers[-1]
    for place, key in enumerate(keys):
        kind, expires, digest = answers[2 * place], answers[2 * place + 1], answers[-1][place]
        if kind != "none" and expires != -2:
            yield key, kind, expires, digest if isinstance(digest, bytes) else str(digest).encode()


def tables(found: Sums, entry: str) -> tuple[TableFacts, ...]:
    """Keys that stay; expiring ones are in the manifest's options, because their number falls by itself."""
    return tuple(
        TableFacts(str(number), kind, one.rows, f"{one.total:064x}", METHOD, (entry,))
        for (number, kind), one in sorted(found.items())
    )


def catalog(link: Link, name: str, counts: dict[tuple[int, str], int], *, exact: bool) -> Catalog:
    memory = dict(line.split(":", 1) for line in link.command("INFO", "memory").decode().splitlines() if ":" in line)
    relations = tuple(
        Relation(str(number), kind, "collection", columns=COLUMNS, rows=rows)
        for (number, kind), rows in sorted(counts.items())
    )
    schemas = tuple(str(number) for number in sorted({number for number, _ in counts} | {0}))
    used = int(memory["used_memory_dataset"])
    return Catalog("valkey", version(link), name, relations, schemas, bytes=used, rows_exact=exact)


def look(link: Link, name: str, *, exact: bool, stop: Stop) -> Catalog:
    """Exact: every key's type. Otherwise two batches of each database, scaled up to its number of keys."""
    counts: dict[tuple[int, str], int] = {}
    for number, total in databases(link).items():
        link.select(number)
        seen, kinds = 0, dict[str, int]()
        for place, keys in enumerate(scan(link, stop)):
            if not exact and place == 2:
                break
            for kind in link.pipeline([("TYPE", key) for key in keys]):
                if kind != "none":
                    kinds[kind], seen = kinds.get(kind, 0) + 1, seen + 1
        for kind, rows in kinds.items():
            counts[number, kind] = rows if exact or seen >= total else rows * total // seen
    return catalog(link, name, counts, exact=exact)


def seen_databases(manifest: Manifest) -> int | None:
    """How many databases the source's users saw; None when its snapshot does not say: then all are theirs."""
    count = manifest.options.get("databases")
    return count if isinstance(count, int) else None


def now_ms() -> int:
    return time.time_ns() // 1_000_000
