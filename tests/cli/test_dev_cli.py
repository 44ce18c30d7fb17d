"""`holdfast dev` as somebody uses it who writes a worker: started, called, edited, broken, mended, ended."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cli_kit import Holdfast

from holdfast.commands.demo.temporary import environment

SECONDS = 60.0
ENTRY = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        seen = int(await self.env.CACHE.get("seen") or 0) + 1
        await self.env.CACHE.put("seen", str(seen))
        await self.env.DB.prepare("insert into visits (at) values (?)").bind(seen).run()
        rows = (await self.env.DB.prepare("select count(*) as n from visits").first())["n"]
        print("visit", seen)
        return Response.from_json({"word": "one", "seen": seen, "rows": rows, "secret": self.env.TOKEN})
"""
PROJECT = {
    "name": "visits",
    "main": "src/entry.py",
    "d1_databases": [{"binding": "DB", "database_name": "visits"}],
    "kv_namespaces": [{"binding": "CACHE", "id": "visits"}],
    "queues": {"producers": [{"binding": "Q", "queue": "q"}]},
}


@dataclass
class Session:
    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""

    def until(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The next event of that kind; those before it are let pass."""
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            while self.events:
                event = self.events.pop(0)
                if event["type"] == kind and wanted.items() <= event.items():
                    return event
            time.sleep(0.02)
        raise AssertionError(f"no {kind} came")

    def call(self, host: str | None = None) -> tuple[int, Any]:
        line = http.client.HTTPConnection("127.0.0.1", int(self.address.rpartition(":")[2]), timeout=SECONDS)
        line.request("GET", "/some/path", headers={"host": host} if host else {})
        answer = line.getresponse()
        body = answer.read()
        line.close()
        return answer.status, json.loads(body) if answer.status == 200 else body.decode()

    def interrupt(self) -> int:
        """As a terminal does at Ctrl-C: everybody in it hears that."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)


Dev = Callable[..., Any]


@contextmanager
def started(tmp_path: Path, *line: str | Path) -> Iterator[Session]:
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli", "dev", *map(str, line), "--port", "0", "--json"],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    session = Session(process)

    def read() -> None:
        assert process.stdout is not None
        for text in process.stdout:
            session.events.append(json.loads(text))

    Thread(target=read, daemon=True).start()
    try:
        session.address = session.until("ready")["address"]
        yield session
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def folder(place: Path, project: dict[str, Any], entry: str) -> Path:
    (place / "src").mkdir(parents=True)
    (place / "wrangler.jsonc").write_text(json.dumps(project))
    (place / "src" / "entry.py").write_text(entry)
    return place


def members(group: int) -> list[str]:
    """The processes of a session."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            words = (each / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == group:
            found.append((each / "cmdline").read_text().replace("\0", " "))
    return found


def test_a_worker_is_run_edited_broken_and_mended(tmp_path: Path) -> None:
    where = folder(tmp_path / "visits", PROJECT, ENTRY)
    (where / "migrations").mkdir()
    (where / "migrations" / "0001_visits.sql").write_text("create table visits (at integer)")
    (where / ".dev.vars").write_text('# of this machine\nTOKEN="tea pot"  # short\n')
    entry = where / "src" / "entry.py"
    with started(tmp_path, where) as dev:
        assert dev.call() == (200, {"word": "one", "seen": 1, "rows": 1, "secret": "tea pot"})
        assert dev.until("log")["message"] == "visit 1"
        told = dev.until("invocation")
        assert (told["method"], told["path"], told["status"], told["outcome"]) == ("GET", "/some/path", 200, "ok")
        assert dev.call(host="visits.localhost")[1]["seen"] == 2
        assert dev.call(host="other.localhost")[0] == 404

        began = time.monotonic()
        entry.write_text(ENTRY.replace('"one"', '"two"'))
        dev.until("reloaded")
        took = time.monotonic() - began
        assert dev.call()[1] == {"word": "two", "seen": 3, "rows": 3, "secret": "tea pot"}
        assert took < 10  # a second where nothing else runs; the tests' machine may be full

        entry.write_text("import nothing_of_this_name\n")
        assert "nothing_of_this_name" in dev.until("failed")["message"]
        assert dev.call()[1]["word"] == "two"  # what answered goes on answering
        (where / "wrangler.jsonc").write_text("{")
        assert "wrangler.jsonc" in dev.until("failed")["message"]
        (where / "wrangler.jsonc").write_text(json.dumps(PROJECT))
        entry.write_text(ENTRY.replace('"one"', '"three"'))
        dev.until("reloaded")
        assert dev.call()[1]["word"] == "three"

        (where / "migrations" / "0002_more.sql").write_text("alter table visits add column by text; create tabel x (y)")
        assert "0002_more.sql" in dev.until("failed")["message"]
        (where / "migrations" / "0002_more.sql").write_text("alter table visits add column by text")
        assert dev.until("note", message="DB: applied 0002_more.sql")
        dev.until("reloaded")
        group = dev.process.pid
        assert dev.interrupt() == 0
        assert members(group) == []
    with started(tmp_path, where) as again:  # what was stored is there
        assert again.call()[1]["seen"] == 6
        group = again.process.pid
        again.process.terminate()
        assert again.process.wait(30) == 0
        assert members(group) == []


def test_what_never_started_shows_why_and_a_pair_calls_each_other(tmp_path: Path) -> None:
    words = folder(
        tmp_path / "words",
        {"name": "words", "main": "src/entry.py"},
        "from workers import WorkerEntrypoint\n\n"
        "class Default(WorkerEntrypoint):\n    async def count(self, text):\n        return len(text.split())\n",
    )
    front = folder(
        tmp_path / "front",
        {"name": "front", "main": "src/entry.py", "services": [{"binding": "WORDS", "service": "words"}]},
        "def broken(:\n",
    )
    with started(tmp_path, front, "--with", words) as dev:
        status, page = dev.call()
        assert status == 500
        assert "SyntaxError" in page
        assert "entry.py" in page
        (front / "src" / "entry.py").write_text(
            "from workers import Response\n\n"
            "async def on_fetch(request, env):\n"
            "    return Response.from_json(await env.WORDS.count('a b c'))\n"
        )
        dev.until("reloaded")
        assert dev.call() == (200, 3)
        assert dev.interrupt() == 0


def test_a_folder_that_cannot_be_run_is_refused_in_words(alone: Holdfast, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = alone("dev", str(empty))
    assert ran.code == 3
    assert "wrangler" in ran.err
    where = folder(tmp_path / "one", {"name": "one", "main": "src/entry.py"}, "")
    for ran in (alone("dev", str(where), "--wrangler-env", "no"), alone("dev", str(where), "--with", str(empty))):
        assert ran.code in (1, 3)
        assert "no such environment" in ran.err or "wrangler" in ran.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = alone("dev", str(where), "--port", str(taken.getsockname()[1]))
        assert ran.code == 5
        assert "--port 0" in ran.err
    assert not (where / ".holdfast" / "dev" / "code").exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "A=1\n\n# x\nexport B = two words # not this\nC='a # b'\nD=",
            {"A": "1", "B": "two words", "C": "a # b", "D": ""},
        ),
        ('A="x=y"', {"A": "x=y"}),
    ],
)
def test_secrets_of_this_machine_are_read(text: str, found: dict[str, str]) -> None:
    from holdfast.features.workers.dotenv import dotenv

    assert dotenv(text, ".dev.vars") == found


def test_a_line_that_is_no_secret_is_named() -> None:
    from holdfast.features.workers.dotenv import dotenv
    from holdfast.kernel.errors import Invalid

    with pytest.raises(Invalid, match="line 2"):
        dotenv("A=1\nnothing", ".dev.vars")
