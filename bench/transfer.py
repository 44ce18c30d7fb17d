"""A million rows as CSV, out and in. Required on PostgreSQL: an export at no less than 0.7 times the throughput of
psql's `COPY TO`, an import at no less than 0.5 times that of its `COPY FROM`; a file of 1 GB each way in under 200 MB.

Both sides meet the same server, table and file, in turns. Ours: the run, from the moment it is asked for until it is
recorded as done, its file synced; sending an upload is told apart. SQLite beside the sqlite3 program is reported only.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from bench.server import Server, temporary_server

ROWS, TURNS = 1_000_000, 5
EXPORT, IMPORT, MOST_MB = 0.7, 0.5, 200
BIG_BYTES = 1_000_000_000
PART = 8 << 20
TABLE = "(id bigint primary key, label text, price numeric(12,2), at timestamptz, note text)"
FILL = """INSERT INTO parcel SELECT n, 'parcel ' || n, (n % 9973)::numeric / 100,
timestamptz '2026-01-01 00:00:00+00' + n * interval '1 second',
CASE WHEN n % 10 = 0 THEN NULL WHEN n % 7 = 0 THEN 'a "quoted", part' ELSE md5(n::text) END
FROM generate_series(1, $ROWS) AS n"""


@dataclass
class Peer:
    """psql on the same socket as ours, with the owner's rights."""

    psql: Path
    environ: dict[str, str]

    def run(self, *commands: str) -> float:
        argv = [str(self.psql), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        for command in commands:
            argv += ["-c", command]
        began = time.monotonic()
        subprocess.run(argv, env=self.environ, check=True, stdin=subprocess.DEVNULL)
        return time.monotonic() - began


def peer_of(server: Server, database: str) -> Peer:
    url = server.http.post(f"/api/v1/databases/{database}/url", json={"access": "owner"}).json()["url"]
    found = conninfo_to_dict(url)
    socket = next((server.data.parent / "run").rglob(f".s.PGSQL.*{found.get('port', '')}"), None)
    psql = next(path for path in Path(sys.prefix).rglob("pginstall18/bin/psql"))
    host = str(socket.parent) if socket else str(found["host"])
    port = socket.name.rpartition(".")[2] if socket else str(found["port"])
    names = {"PGUSER": "user", "PGPASSWORD": "password", "PGDATABASE": "dbname"}
    environ = {name: str(found[key]) for name, key in names.items()} | {"PGHOST": host, "PGPORT": port}
    return Peer(psql, environ | {"PATH": os.environ["PATH"]})


def runner_of(server: Server) -> int:
    """The runner's pid: a child of the keeper."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(stat[1]) == server.keeper_pid and any(b"runner" in word for word in words):
                return int(entry.name)
    raise RuntimeError("no runner below the keeper")


def peak_mb(pid: int, work: Callable[[], object]) -> float:
    """The most memory the process had resident while `work` ran."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    work()
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("no VmHWM")


def asked(server: Server, method: str, path: str, **given: object) -> dict[str, object]:
    answer = server.http.request(method, f"/api/v1{path}", **given)  # type: ignore[arg-type]
    if answer.status_code >= 300:
        raise RuntimeError(answer.text)
    made: dict[str, object] = answer.json()
    return made


def exported(server: Server, database: str, table: str, target: Path | None = None) -> float:
    """By a run; with `target` its file is kept there."""
    began = time.monotonic()
    made = asked(server, "POST", f"/databases/{database}/exports", json={"table": table, "format": "csv"})
    server.wait(made["run"]["id"])  # type: ignore[index]
    took = time.monotonic() - began
    file = server.data / "transfers" / "exports" / made["export"]["id"]  # type: ignore[index]
    if target is not None:
        shutil.copyfile(file, target)
    server.http.delete(f"/api/v1/exports/{file.name}")
    return took


def streamed(server: Server, database: str, table: str, target: Path) -> float:
    began = time.monotonic()
    body = {"table": table, "format": "csv"}
    with (
        server.http.stream("POST", f"/api/v1/databases/{database}/export", json=body) as answer,
        target.open("wb") as f,
    ):
        for piece in answer.iter_raw():
            f.write(piece)
        f.flush()
        os.fsync(f.fileno())
    return time.monotonic() - began


def sent(server: Server, database: str, file: Path) -> str:
    size = file.stat().st_size
    body = {"name": "parcel.csv", "size": size}
    made = str(asked(server, "POST", f"/databases/{database}/uploads", json=body)["id"])
    with file.open("rb") as data:
        at = 0
        while piece := data.read(PART):
            headers = {"Content-Range": f"bytes {at}-{at + len(piece) - 1}/{size}"}
            asked(server, "PUT", f"/uploads/{made}/content", content=piece, headers=headers)
            at += len(piece)
    asked(server, "POST", f"/uploads/{made}/complete")
    return made


def imported(server: Server, database: str, upload: str, table: str) -> float:
    began = time.monotonic()
    body = {"upload_id": upload, "table": table}
    made = asked(server, "POST", f"/databases/{database}/imports", json=body)
    server.wait(made["run"]["id"])  # type: ignore[index]
    return time.monotonic() - began


def told(what: str, ours: list[float], theirs: list[float], bar: float, size: int) -> bool:
    """By the medians; the ratio is one of throughputs."""
    us, them = statistics.median(ours), statistics.median(theirs)
    ratio = them / us
    print(f"{what}: {us:.2f} s ({size / us / 1e6:.0f} MB/s), peer {them:.2f} s: {ratio:.2f}x", end="")
    print(f", bar {bar:g}x  {'ok' if ratio >= bar else 'MISSED'}" if bar else "", flush=True)
    return ratio >= bar


def postgresql(server: Server, root: Path) -> list[bool]:
    database = str(server.create("postgresql", "transfer")["id"])
    peer = peer_of(server, database)
    peer.run(f"CREATE TABLE parcel {TABLE}", FILL.replace("$ROWS", str(ROWS)), "VACUUM ANALYZE parcel")
    file, other = root / "parcel.csv", root / "other.csv"
    exported(server, database, "parcel", file)
    size = file.stat().st_size
    print(f"{ROWS} rows, {size / 1e6:.0f} MB of CSV")
    copy_to = f"\\copy (SELECT * FROM parcel) TO '{other}' WITH (FORMAT csv, HEADER)"
    outs = [[], [], []]  # type: list[list[float]]
    for _ in range(TURNS):
        outs[0].append(exported(server, database, "parcel"))
        outs[1].append(peer.run(copy_to))
        outs[2].append(streamed(server, database, "parcel", root / "streamed.csv"))
    if len({path.read_bytes() for path in (file, other, root / "streamed.csv")}) != 1:
        raise RuntimeError("the files differ")
    good = [told("PostgreSQL export, run", outs[0], outs[1], EXPORT, size)]
    good.append(told("PostgreSQL export, streamed over HTTP", outs[2], outs[1], 0, size))
    ins = [[], [], []]  # type: list[list[float]]
    peer.run(f"CREATE TABLE ours {TABLE}", f"CREATE TABLE theirs {TABLE}")
    for _ in range(TURNS):
        peer.run("TRUNCATE ours, theirs")
        began = time.monotonic()
        upload = sent(server, database, file)
        ins[2].append(time.monotonic() - began)
        ins[0].append(imported(server, database, upload, "ours"))
        ins[1].append(peer.run(f"\\copy theirs FROM '{file}' WITH (FORMAT csv, HEADER)"))
    same = "DO $$ BEGIN ASSERT (SELECT count(*) FROM (TABLE ours EXCEPT ALL TABLE theirs) d) = 0; END $$"
    peer.run(same)
    good.append(told("PostgreSQL import, run", ins[0], ins[1], IMPORT, size))
    print(f"  sending the upload before it: {statistics.median(ins[2]):.2f} s")
    peer.run("DROP TABLE ours, theirs")
    good.append(memory(server, database, peer, root, size))
    return good


def memory(server: Server, database: str, peer: Peer, root: Path, size: int) -> bool:
    """A table whose CSV is 1 GB: out of one, into another."""
    times = -(-BIG_BYTES // size)
    peer.run(
        "CREATE TABLE big (LIKE parcel)",
        f"INSERT INTO big SELECT id, label, price, at, note FROM parcel, generate_series(1, {times})",
        "CREATE TABLE target (LIKE parcel)",
    )
    runner, file = runner_of(server), root / "big.csv"
    out = peak_mb(runner, lambda: exported(server, database, "big", file))
    upload, total = sent(server, database, file), file.stat().st_size
    began = time.monotonic()
    into = peak_mb(runner, lambda: imported(server, database, upload, "target"))
    took = time.monotonic() - began
    good = total >= BIG_BYTES and max(out, into) < MOST_MB
    print(f"{total / 1e9:.2f} GB of CSV, peak of the runner: export {out:.0f} MB, import {into:.0f} MB", end=" ")
    print(f"(import {took:.1f} s), bar {MOST_MB} MB  {'ok' if good else 'MISSED'}")
    return good


def sqlite(server: Server, root: Path) -> None:
    """Reported. The program imports texts without looking at them; ours reads each by its column's type."""
    program, file = shutil.which("sqlite3"), root / "parcel.csv"
    if program is None:
        print("SQLite: the sqlite3 program is not here (apt-get install sqlite3)")
        return
    database = str(server.create("sqlite", "transfer-file")["id"])
    table = "(id integer primary key, label text, price numeric, at text, note text)"
    size = file.stat().st_size
    times = [[], [], [], []]  # type: list[list[float]]
    for turn in range(3):
        statement = f"create table ours{turn} {table}"
        asked(server, "POST", f"/databases/{database}/query", json={"statement": statement, "write": True})
        times[0].append(imported(server, database, sent(server, database, file), f"ours{turn}"))
        times[1].append(exported(server, database, f"ours{turn}"))
        there = root / f"theirs{turn}.db"
        began = time.monotonic()
        load = f"create table theirs {table};\n.mode csv\n.import --skip 1 {file} theirs\n"
        subprocess.run([program, str(there)], input=load.encode(), check=True)
        times[2].append(time.monotonic() - began)
        began = time.monotonic()
        with (root / "theirs.csv").open("wb") as out:
            subprocess.run([program, "-csv", "-header", str(there), "select * from theirs"], stdout=out, check=True)
            os.fsync(out.fileno())
        times[3].append(time.monotonic() - began)
        there.unlink()
    told("SQLite export, run", times[1], times[3], 0, size)
    told("SQLite import, run", times[0], times[2], 0, size)


def main() -> int:
    print(f"load before: {os.getloadavg()[0]:.1f}")
    with temporary_server() as server:
        root = server.data.parent / "files"
        root.mkdir()
        good = postgresql(server, root)
        sqlite(server, root)
    print(f"load after: {os.getloadavg()[0]:.1f}")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
