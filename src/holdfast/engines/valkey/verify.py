"""A server against the manifest of a snapshot, and whether a snapshot loads at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, cast

from holdfast.contract.snapshot import Check, Level, Manifest, Source, Verdict
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import keys, scratch
from holdfast.engines.valkey.link import Link, connect
from holdfast.engines.valkey.taking import held
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop

_GRACE_MS = 2000


def digesting(at: Endpoint, tools: Tools, stop: Stop) -> AbstractContextManager[Link]:
    """A line on which digests can be asked for: servers that are not ours do not compute any."""
    return connect(at, stop=stop) if at.hosted else held(at, tools, stop)


def verify(at: Endpoint, tools: Tools, expected: Manifest, depth: Level, stop: Stop) -> Verdict:
    """Counts and digests per database and type; expiring keys exactly while none of them can have expired."""
    with digesting(at, tools, stop) as link:
        checks = tuple(_compare(link, expected, keys.sums(link, stop), keys.now_ms()))
    return Verdict(depth, checks)


def _compare(link: Link, expected: Manifest, found: keys.Sums, now: int) -> Iterator[Check]:
    wanted = {(int(table.schema), table.name): table for table in expected.tables}
    extra = sorted(f"{number}.{kind}" for number, kind in found.keys() - wanted.keys())
    yield Check("types", not extra, "none but the snapshot's", ", ".join(extra))
    for place, table in sorted(wanted.items()):
        one = found.get(place, keys.Sum())
        name = f"{place[0]}.{place[1]}"
        yield _same(f"keys of {name}", table.rows, one.rows)
        yield _same(f"content of {name}", table.digest, f"{one.total:064x}")
        expiring = cast(Mapping[str, Any], expected.options.get("expiring", {})).get(name)
        if expiring is not None:
            yield from _expiring(link, place[0], name, expiring, one, now)
        else:
            yield _same(f"expiring keys of {name}", 0, one.volatile_rows)


def _expiring(
    link: Link, number: int, name: str, wanted: Mapping[str, Any], one: keys.Sum, now: int
) -> Iterator[Check]:
    if now < wanted["earliest"]:
        yield _same(f"expiring keys of {name}", wanted["rows"], one.volatile_rows)
        yield _same(f"expiring content of {name}", wanted["digest"], f"{one.volatile_total:064x}")
        return
    text = f"at most {wanted['rows']}"
    yield Check(f"expiring keys of {name}", one.volatile_rows <= wanted["rows"], text, str(one.volatile_rows))
    samples = [sample for sample in wanted["samples"] if sample[1] > now + _GRACE_MS]
    link.select(number)
    found = {}
    if samples:
        for key, _, expires, digest in keys.facts(link, [bytes.fromhex(sample[0]) for sample in samples]):
            found[key.hex()] = (expires, digest.decode())
    wrong = sum(1 for key, expires, digest in samples if found.get(key) != (expires, digest))
    yield Check(f"sampled expiries of {name}", wrong == 0 if samples else None, "0 wrong", f"{wrong} wrong",
                f"{len(samples)} keys that have not expired yet")  # fmt: skip


def _same(name: str, expected: object, actual: object) -> Check:
    return Check(name, expected == actual, str(expected), str(actual))


def readable(source: Source, tools: Tools, stop: Stop) -> Verdict:
    """L2: the engine's own loader takes the file, its checksum included, and finds the types it should."""
    try:
        with scratch.directory(tools) as place:
            scratch.pull(source, place / scratch.ENTRY, stop)
            with scratch.loaded(tools, place, stop) as link:
                link.count = keys.seen_databases(source.manifest)
                found = keys.look(link, source.manifest.database, exact=True, stop=stop)
    except (Corrupt, NotFound) as error:
        return Verdict(Level.READABLE, (Check("loads", False, detail=error.message),))
    counts = {(r.schema, r.name): r.rows or 0 for r in found.relations}
    checks = [Check("loads", True)]
    for table in source.manifest.tables:
        actual = counts.get((table.schema, table.name), 0)
        text = f"at least {table.rows}"
        checks.append(Check(f"keys of {table.schema}.{table.name}", actual >= table.rows, text, str(actual)))
    return Verdict(Level.READABLE, tuple(checks))
