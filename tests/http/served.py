"""A real api process on real sockets, in an installation of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import metadata_home

import holdfast.app  # noqa: F401 - every table of the api, for create_all
from holdfast.kernel.db import Database

PASSWORD = "correct horse battery staple"
EMAIL = "owner@example.org"


@dataclass
class Api:
    """One running api. `url` is its TCP address, `socket` its admin.sock, `log` what it wrote."""

    url: str
    socket: Path
    base: Path
    process: subprocess.Popen[bytes]
    log: Path
    clients: list[httpx.Client] = field(default_factory=list)

    def admin(self) -> httpx.Client:
        return self._kept(transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://holdfast")

    def anonymous(self) -> httpx.Client:
        return self._kept(base_url=self.url, headers={"Origin": self.url})

    def _kept(self, **options: Any) -> httpx.Client:
        client = httpx.Client(timeout=20, **options)
        self.clients.append(client)
        return client

    def browser(self) -> httpx.Client:
        """Signed in as the owner, by cookie; makes the owner at the first call."""
        client = self.anonymous()
        credentials = {"email": EMAIL, "password": PASSWORD}
        link = self.admin().post("/api/v1/session/first-run/link").json()["link"]
        if link is None:
            answer = client.post("/api/v1/session", json=credentials)
        else:
            token = link.partition("#token=")[2]
            answer = client.post("/api/v1/session/first-run", json={"token": token, **credentials})
        assert answer.status_code == 201, answer.text
        return client

    def key(self, **wanted: object) -> httpx.Client:
        answer = self.admin().post("/api/v1/keys", json={"name": "test", **wanted})
        assert answer.status_code == 201, answer.text
        return self._kept(base_url=self.url, headers={"Authorization": f"Bearer {answer.json()['key']}"})


_URLS: dict[Path, str] = {}


def metadata_of(base: Path) -> str:
    """The metadata database of the installation below `base`: the same for each api that is started there."""
    if base not in _URLS:
        _URLS[base] = metadata_home.url(base / "data" / "meta" / "holdfast.db")
    return _URLS[base]


def make_tables(base: Path) -> None:
    """What the keeper does before anyone reads; tables no revision makes yet are added."""
    db = Database(metadata_of(base))
    db.migrate()
    db.create_all()
    db.close()


def start_api(base: Path, more: Mapping[str, str] | None = None) -> Api:
    """Control on a free port, admin.sock below `base`, standard error in a file; `more` are variables of it."""
    control = socket.socket()
    control.bind(("127.0.0.1", 0))
    control.listen(128)
    path = base / "run" / "admin.sock"
    path.parent.mkdir(exist_ok=True)
    (base / "data").mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    make_tables(base)
    admin = socket.socket(socket.AF_UNIX)
    admin.bind(str(path))
    path.chmod(0o600)
    admin.listen(128)
    port = control.getsockname()[1]
    environ = os.environ | {
        "HOLDFAST_DATA": str(base / "data"),
        "HOLDFAST_RUNTIME": str(base / "run"),
        "HOLDFAST_MASTER_KEY_FILE": str(base / "master.key"),
        "HOLDFAST_CONTROL_PORT": str(port),
        "HOLDFAST_APPS_PORT": "0",
        "HOLDFAST_DATABASE_URL": metadata_of(base),
        **(more or {}),
    }
    log = base / "api.log"
    with log.open("ab") as out:
        fds = (control.fileno(), admin.fileno())
        process = subprocess.Popen(
            [sys.executable, "-m", "holdfast.app", "--fd", f"control={fds[0]}", "--fd", f"admin={fds[1]}"],
            pass_fds=fds,
            stdout=out,
            stderr=out,
            env=environ,
        )
    control.close()
    admin.close()
    api = Api(f"http://127.0.0.1:{port}", path, base, process, log)
    until = time.monotonic() + 120
    while True:
        try:
            assert httpx.get(api.url + "/health/live").status_code == 200
            return api
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)


def stop_api(api: Api) -> int:
    """Ask it to end and wait; kills it when it does not."""
    for client in api.clients:
        client.close()
    api.process.send_signal(signal.SIGTERM)
    try:
        return api.process.wait(60)
    finally:
        if api.process.poll() is None:
            api.process.kill()
            api.process.wait()
