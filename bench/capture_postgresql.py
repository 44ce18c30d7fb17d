"""First snapshot of a PostgreSQL database into a repository, beside `pg_dump -Fc -Z0 | zstd -3 -T2` into a file.

Reported, not required. Ours also computes row digests, deduplicates, encrypts and opens each blob again; the peer does
not. Both sync what they wrote.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from holdfast.contract.engine import Engine
from holdfast.contract.snapshot import CaptureRequest
from holdfast.contract.spec import Endpoint, Software
from holdfast.hosts import Hosts
from holdfast.hosts.keeper import background
from holdfast.kernel.malloc import keep_big_buffers
from holdfast.kernel.settings import Settings
from holdfast.kernel.stop import Stop
from holdfast.vault.pipeline import write_snapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

ROWS, RUNS = 1_500_000, 3
FILL = """CREATE TABLE parcel AS
SELECT n AS id, 'parcel ' || n AS label, md5(n::text) || ' ' || repeat(md5((n % 1000)::text) || ' ', 8) AS note,
       jsonb_build_object('n', n, 'weight', (n::bigint * 7919) % 1000, 'tags', array['a', 'b', md5(n::text)]) AS facts,
       timestamptz '2026-01-01' + n * interval '1 second' AS at, (n % 9973)::numeric / 100 AS price
FROM generate_series(1, $ROWS) AS n"""


def prepare(hosts: Hosts, engine: Engine, root: Path) -> tuple[Endpoint, Software]:
    spec = engine.spec()
    software = engine.software(spec)
    if software is None:
        raise RuntimeError("this engine has no server")
    secrets = {name: f"bench-{name}" for name in engine.needs(spec)[1]}
    plan = engine.plan(spec, hosts.site("db_bench", "bench", engine, spec, secrets))
    hosts.up("db_bench", plan)
    asyncio.run(engine.prepare(plan.endpoint, spec, hosts.tools("db_bench", software, root)))
    return plan.endpoint, software


def ours(hosts: Hosts, engine: Engine, at: Endpoint, software: Software, root: Path) -> float:
    repository = root / "repository"
    shutil.rmtree(repository, ignore_errors=True)
    started = time.monotonic()
    repo = Repository.create(LocalStore(repository), "bench")
    session = engine.connect(at, hosts.tools("db_bench", software, root))
    with session.capture(None, CaptureRequest(), Stop()) as capture:
        write_snapshot(repo, capture, hostname="bench", paths=["/bench"])
    return time.monotonic() - started


def theirs(binaries: Path, at: Endpoint, root: Path) -> float:
    role = at.roles["admin"]
    environ = {"PGPASSWORD": at.secrets[role.secret], "PATH": os.environ["PATH"]}
    target = root / "dump.zst"
    dump_argv = [str(binaries / "pg_dump"), "-Fc", "-Z0", "-h", str(at.sockets), "-p", str(at.port or 5432)]
    dump_argv += ["-U", role.user, "-d", str(at.database)]
    started = time.monotonic()
    with target.open("wb") as out:
        dump = subprocess.Popen(dump_argv, env=environ, stdout=subprocess.PIPE)
        pack = subprocess.Popen(["zstd", "-q", "-3", "-T2"], stdin=dump.stdout, stdout=out)
        if dump.stdout is not None:
            dump.stdout.close()
        if dump.wait() or pack.wait():
            raise RuntimeError("the peer failed")
        os.fsync(out.fileno())
    return time.monotonic() - started


def main() -> int:
    from holdfast.engines.postgresql import engine

    if shutil.which("zstd") is None:
        print("MISSING on this machine: zstd (apt-get install zstd)")
        return 1
    keep_big_buffers()
    root = Path(tempfile.mkdtemp(prefix="hfbench-"))
    environ = {"HOLDFAST_RUNTIME": str(root / "run"), "HOLDFAST_CONTROL_PORT": "0"}
    settings = Settings.load(environ, data=root / "data")
    try:
        with background(settings) as client:
            hosts = Hosts(settings, client)
            at, software = prepare(hosts, engine, root)
            binaries = hosts.install(software) / "bin"
            role = at.roles["admin"]
            with psycopg.connect(
                host=str(at.sockets),
                port=at.port or 5432,
                user=role.user,
                password=at.secrets[role.secret],
                dbname=at.database,
                autocommit=True,
            ) as conn:
                conn.execute(FILL.replace("$ROWS", str(ROWS)).encode())
                conn.execute("VACUUM ANALYZE parcel")
                row = conn.execute("SELECT pg_total_relation_size('parcel')").fetchone()
            size = int(row[0]) if row else 0
            pairs = [(ours(hosts, engine, at, software, root), theirs(binaries, at, root)) for _ in range(RUNS)]
            hosts.remove("db_bench")
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"{size / 1e6:.0f} MB table, {ROWS} rows")
    for who, column in (("ours, with digests", 0), ("pg_dump | zstd -3 -T2", 1)):
        values = [pair[column] for pair in pairs]
        print(f"{who:22} median {statistics.median(values):.2f} s (min {min(values):.2f}, max {max(values):.2f})")
    print(f"median of the pairs: ours takes {statistics.median(a / b for a, b in pairs):.2f}x the time of the peer")
    return 0


if __name__ == "__main__":
    sys.exit(main())
