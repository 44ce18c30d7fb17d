"""One archive out of a snapshot's entries: stock pg_restore opens it, by pipe, by file and with several sessions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pg_server import Cluster, capture, popen, user_session
from test_pg_round_trip import build_nasty, dump_text

from holdfast.contract.conformance import MemorySource, Place
from holdfast.contract.snapshot import Level
from holdfast.engines.postgresql import engine, link
from holdfast.formats import pg_archive
from holdfast.kernel.stop import Stop


@pytest.fixture(scope="module")
def nasty(pg18: Cluster) -> Iterator[tuple[Place, MemorySource]]:
    with pg18.fresh("pl'ain\"y ü") as place:
        build_nasty(place)
        with user_session(place.endpoint, "owner", autocommit=True) as owner:
            owner.execute('CREATE SEQUENCE "se\'q" START 41')
            owner.execute("SELECT nextval('\"se''q\"')")
        yield place, capture(place)


def pg_restore(place: Place, *arguments: str, content: bytes | None = None) -> str:
    argv = [
        "pg_restore",
        "--exit-on-error",
        "--enable-row-security",
        "-d",
        f"dbname='{place.endpoint.database}'",
        *arguments,
    ]
    process = popen(
        place.tools.bin,  # type: ignore[attr-defined]
        argv,
        link.tool_env(place.endpoint),
        stdin=subprocess.PIPE if content is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, errors = process.communicate(content, timeout=120)
    assert process.returncode == 0, errors.decode()
    return str(out.decode())


@pytest.mark.parametrize("way", ["pipe", "file", "jobs"])
def test_pg_restore_brings_everything_back(pg18: Cluster, nasty, tmp_path: Path, way: str) -> None:
    place, source = nasty
    made = engine.plain(source)
    content = b"".join(made.read(source))
    assert len(content) == made.size
    with pg18.fresh("target") as target:
        path = target.tools.scratch / f"plain-{way}.dump"
        path.write_bytes(content)
        path.chmod(0o644)
        try:
            if way == "pipe":
                pg_restore(target, content=content)
            else:
                pg_restore(target, *(("-j", "3") if way == "jobs" else ()), str(path))
        finally:
            path.unlink()
        session = engine.connect(target.endpoint, target.tools, "admin")
        verdict = session.verify(source.manifest, Level.RESTORED, Stop())
        bad = [(check.name, check.actual) for check in verdict.checks if check.ok is False]
        # Stock pg_restore does this with a stock dump too, now and then: an index over partitions of partitions.
        assert [each for each in bad if way != "jobs" or each != ("invalid indexes", "['public.part_id']")] == []
        assert dump_text(target) == dump_text(place)
        with user_session(target.endpoint, "owner") as owner:
            assert owner.execute("SELECT nextval('\"se''q\"')").fetchone() == (42,)


def test_every_item_needs_what_stock_pg_dump_says(nasty) -> None:
    """By needs alone `pg_restore -j` knows what must wait and which tables two sessions must not alter at once."""
    place, source = nasty
    stock = pg_archive.parse(
        place.tools.output(
            ["pg_dump", "-Fc", "-Z0", "--no-sync", "--no-subscriptions", "--no-statistics"],
            env=link.tool_env(place.endpoint),
        )
    )
    ours = pg_archive.parse(b"".join(engine.plain(source).read(source)))
    after = {pg_archive.key(item) for item in stock.items if item.section == pg_archive.POST_SECTION}
    assert len(after) > 10
    assert {key: needs for key, needs in _needs(ours).items() if key in after} == {
        key: needs for key, needs in _needs(stock).items() if key in after
    }


def _needs(archive: pg_archive.Archive) -> dict[tuple[object, ...], set[tuple[object, ...]]]:
    keys = {item.id: pg_archive.key(item) for item in archive.items}
    assert len(keys) == len(archive.items)
    return {keys[item.id]: {keys[need] for need in item.needs if need in keys} for item in archive.items}


def test_every_offset_reads_the_same_bytes(nasty) -> None:
    _, source = nasty
    made = engine.plain(source)
    content = b"".join(made.read(source))
    for offset in {0, 1, 4096, len(content) // 3, len(content) // 2, len(content) - 1, len(content)}:
        assert b"".join(made.read(source, offset)) == content[offset:]


def test_what_is_parsed_is_written_again(nasty) -> None:
    _, source = nasty
    for path in ("schema/pre-data.dump", "schema/post-data.dump"):
        archive = pg_archive.parse(source.files[path])
        assert pg_archive.written(archive) == source.files[path][: archive.end]
    with pytest.raises(pg_archive.Incomplete):
        pg_archive.parse(source.files["schema/pre-data.dump"][:100])
    with pytest.raises(pg_archive.NotAnArchive):
        pg_archive.parse(b"PGDMQ" + b"\0" * 100)
