"""Debian's own PostgreSQL, built with TLS: its handshake, its SCRAM with channel binding, its hba file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from certificates import Authority

BIN = max(Path("/usr/lib/postgresql").glob("[1-9][0-9]/bin"), default=Path("/usr/lib/postgresql/none/bin"))
MAJOR = int(BIN.parent.name) if BIN.parent.name.isdigit() else 0
NOBODY = 65534
PASSWORD = "s3cret-of-debian"


@dataclass
class Native:
    port: int
    data: Path


@contextlib.contextmanager
def native_pg(authority: Authority, host: str = "127.0.0.1") -> Iterator[Native]:
    """Login `app` owns database `app`, reader `reader`; `card` must show a client certificate."""
    assert (BIN / "postgres").is_file(), "Debian's postgresql is needed for these tests: make system-parts"
    root = Path(tempfile.mkdtemp(prefix="hfpg15"))
    root.chmod(0o755)
    data = root / "data"
    try:
        _give(root)
        _run("initdb", "-D", str(data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        pair = authority.sign("db", host=host)
        for name, text in (("s.crt", pair.certificate), ("s.key", pair.key), ("ca.crt", authority.pem)):
            (data / name).write_text(text)
            (data / name).chmod(0o600)
            _give(data / name)
        (data / "pg_hba.conf").write_text(
            "local all all trust\n"
            "hostssl all card all scram-sha-256 clientcert=verify-ca\n"
            "hostssl all all all scram-sha-256\n"
            "host all all all reject\n"
        )
        port = _free()
        settings = {
            "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": str(root), "ssl": "on",
            "ssl_cert_file": "s.crt", "ssl_key_file": "s.key", "ssl_ca_file": "ca.crt", "fsync": "off",
            "shared_buffers": "16MB", "max_connections": 30,
        }  # fmt: skip
        with (data / "postgresql.auto.conf").open("a") as conf:
            conf.writelines(f"{key} = '{value}'\n" for key, value in settings.items())
        with (root / "log").open("wb") as log:
            server = subprocess.Popen([BIN / "postgres", "-D", data], stdout=log, stderr=log, **_user())
        try:
            _ready(root, port)
            psql = ["psql", "-X", "-q", "-h", str(root), "-p", str(port), "-U", "postgres", "-v", "ON_ERROR_STOP=1"]
            for statement in (
                f"CREATE ROLE app LOGIN CREATEDB PASSWORD '{PASSWORD}'",
                f"CREATE ROLE card LOGIN PASSWORD '{PASSWORD}'",
                f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'",
                "CREATE DATABASE app OWNER app",
            ):
                _run(*psql, "-d", "postgres", "-c", statement)
            yield Native(port, data)
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(20)
    finally:
        shutil.rmtree(root)


def _user() -> dict[str, object]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _run(program: str, *arguments: str) -> None:
    subprocess.run([BIN / program, *arguments], check=True, capture_output=True, cwd="/", timeout=60, **_user())  # type: ignore[call-overload]


def _ready(root: Path, port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (root / f".s.PGSQL.{port}").exists():
            probe = [BIN / "pg_isready", "-q", "-h", str(root), "-p", str(port)]
            if subprocess.run(probe, check=False, timeout=20).returncode == 0:
                return
        time.sleep(0.03)
    raise AssertionError((root / "log").read_text())


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
