"""A Holdfast that is made, filled, lost with its disk, and recovered somewhere else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyrage
from cli_kit import Ran, run
from ram import roomy
from stock_restic import stock

from holdfast.client import Client
from holdfast.commands.demo.temporary import environment
from holdfast.hosts.keeper import KeeperClient

PERSON = {"email": "owner@example.org", "password": "correct horse battery staple 9"}
ODD = "a\"b'; -- ü"


@dataclass
class Machine:
    """One machine's worth of directories, and the commands typed there."""

    root: Path
    env: dict[str, str]

    @property
    def data(self) -> Path:
        return self.root / "data"

    def do(self, *line: str, ok: bool = True, stdin: str = "") -> Ran:
        ran = run(self.env, *line, stdin=stdin)
        assert not ok or ran.code == 0, (line, ran.out, ran.err)
        return ran

    def up(self) -> str:
        return str(self.do("up", "--detach", "--json").json["url"])

    def url(self) -> str:
        return f"http://127.0.0.1:{KeeperClient(self.root / 'run' / 'keeper.sock').info().control_port}"

    def admin(self) -> Client:
        return Client(socket=self.root / "run" / "admin.sock", timeout=60)

    def query(self, name: str, statement: str, *, write: bool = False) -> Any:
        flags = ["--write"] if write else []
        return self.do("db", "query", name, *flags, statement, "--format", "json").json

    def sign_in(self, url: str) -> int:
        return httpx.post(f"{url}/api/v1/session", json=PERSON, headers={"Origin": url}, timeout=30).status_code

    def down(self) -> None:
        self.do("down", ok=False)
        until = time.monotonic() + 60
        while (self.root / "run" / "keeper.sock").exists() and time.monotonic() < until:
            time.sleep(0.05)

    def killed_at(self, point: str, *line: str) -> int:
        """Run a command that kills itself at a crash point; its exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "holdfast.cli", *line],
            env=self.env | {"HOLDFAST_CRASH_AT": point},
            capture_output=True,
            timeout=120,
            check=False,
        )
        return done.returncode


@contextmanager
def machine(**more: str) -> Iterator[Machine]:
    """Nothing of it is left afterwards."""
    root = Path(tempfile.mkdtemp(prefix="hf-rec-", dir=roomy()))
    made = Machine(root, environment(root) | {"XDG_CONFIG_HOME": str(root / "config"), **more})
    try:
        yield made
    finally:
        made.down()
        shutil.rmtree(root, ignore_errors=True)


def first_owner(made: Machine, url: str) -> None:
    with made.admin() as admin:
        link = str(admin.post("/session/first-run/link", {})["link"])
    token = link.partition("#")[2].removeprefix("token=")
    answer = httpx.post(f"{url}/api/v1/session/first-run", json={"token": token, **PERSON}, headers={"Origin": url})
    assert answer.status_code == 201, answer.text


def make_kit(made: Machine, folder: Path) -> tuple[Path, Path]:
    """(the kit, the key that opens it), in `folder`."""
    key = pyrage.x25519.Identity.generate()
    (folder / "key.txt").write_text(f"{key}\n")
    made.do("recovery-kit", "create", "--to", str(key.to_public()), "-o", str(folder / "kit.age"))
    return folder / "kit.age", folder / "key.txt"


def own_repository(made: Machine) -> str:
    with made.admin() as admin:
        return str(admin.get("/system/recovery")["homes"][0]["repository_id"])


def recovering(made: Machine, source: str | Path, kit: tuple[Path, Path], *more: str) -> list[str]:
    return ["recover", "--from", str(source), "--kit", str(kit[0]), "--identity", str(kit[1]), *more]


def restic(path: Path, password: str, *words: str) -> subprocess.CompletedProcess[str]:
    return stock(path, *words, password=password, check=False)


def kit_of(kit: tuple[Path, Path]) -> dict[str, Any]:
    """What the kit says, opened with stock parts."""
    key = pyrage.x25519.Identity.from_str(kit[1].read_text().strip())
    text = pyrage.decrypt(kit[0].read_bytes(), [key]) if b"BEGIN AGE" not in kit[0].read_bytes() else None
    if text is None:
        from holdfast.formats import age

        text = age.decrypt(kit[0].read_bytes(), identities=age.identities_in(kit[1].read_text()))
    return dict(json.loads(text.decode().rpartition("-----\n")[2]))
