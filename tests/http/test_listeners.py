"""What only a real socket shows: whose hand is at the other end, cookies, cross-site calls, streams."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import EMAIL, PASSWORD, Api, metadata_of, start_api, stop_api

from holdfast.jobs import Jobs
from holdfast.jobs.schema import run_logs, runs
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import Database

pytestmark = pytest.mark.xdist_group("http-listeners")

UNSAFE = [
    ("POST", "/api/v1/projects", {"name": "csrf"}),
    ("PATCH", "/api/v1/projects/{project}", {"name": "csrf"}),
    ("DELETE", "/api/v1/projects/{project}", {"confirm": "default"}),
    ("PUT", "/api/v1/projects/{project}", {}),
    ("POST", "/api/v1/session", {"email": EMAIL, "password": PASSWORD}),
    ("POST", "/api/v1/session/first-run", {"token": "x", "email": EMAIL, "password": PASSWORD}),
    ("POST", "/api/v1/session/step-up", {"password": PASSWORD}),
    ("DELETE", "/api/v1/session", None),
    ("POST", "/api/v1/keys", {"name": "csrf"}),
    ("POST", "/api/v1/databases", {"environment_id": "x", "engine": "sqlite", "name": "csrf"}),
    ("POST", "/api/v1/runs/{project}/cancel", None),
]
FOREIGN: list[dict[str, str]] = [
    {},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "https://{host}"},
    {"Origin": "http://{host}.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
]


@pytest.fixture(scope="module")
def signed_in(api: Api) -> dict[str, str]:
    return dict(api.browser().cookies)


@pytest.mark.parametrize(("method", "path", "body"), UNSAFE)
def test_a_cookie_acts_from_our_own_pages_only(api, signed_in, method, path, body) -> None:
    """Every unsafe method, every way of being another site: refused before anything is read, and still signed in."""
    project = api.admin().get("/api/v1/projects").json()["items"][0]
    where, host = path.format(project=project["id"]), api.url.removeprefix("http://")
    with httpx.Client(base_url=api.url, cookies=signed_in) as client:
        for headers in FOREIGN:
            given = {name: value.format(host=host) for name, value in headers.items()}
            answer = client.request(method, where, json=body, headers=given)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused"), (given, answer.text)
            assert "set-cookie" not in answer.headers
        rebound = client.request(method, where, json=body, headers={"Host": "evil.example", "Origin": api.url})
        assert rebound.status_code == 421
        assert client.get("/api/v1/session").status_code == 200
    assert api.admin().get(f"/api/v1/projects/{project['id']}").json() == project


def test_two_origins_are_no_origin(api, signed_in) -> None:
    headers = [("Origin", api.url), ("Origin", "http://evil.example")]
    with httpx.Client(base_url=api.url, cookies=signed_in) as client:
        assert client.post("/api/v1/projects", json={"name": "csrf"}, headers=headers).status_code == 403


def test_the_cookie_as_it_is_set_and_cleared(api) -> None:
    api.browser()
    with httpx.Client(base_url=api.url, headers={"Origin": api.url}) as client:
        old = client.post("/api/v1/session", json={"email": EMAIL, "password": PASSWORD})
        name, *attributes = (part.strip().lower() for part in old.headers["set-cookie"].split(";"))
        assert name.startswith("holdfast_session=")
        assert {"httponly", "samesite=strict", "path=/"} <= set(attributes)
        assert not any(part.startswith("domain") for part in attributes)
        before = dict(client.cookies)
        assert client.post("/api/v1/session", json={"email": EMAIL, "password": PASSWORD}).status_code == 201
        assert dict(client.cookies) != before
        assert httpx.get(api.url + "/api/v1/session", cookies=before).status_code == 401
        gone = client.delete("/api/v1/session")
        assert gone.status_code == 204
        assert "max-age=0" in gone.headers["set-cookie"].lower()
        assert client.get("/api/v1/session").status_code == 401


def other_users_answer(path: str) -> bytes:
    """What user 65534 gets on a unix socket: an answer's first line, or the name of the error."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # only system calls from here on: the parent has threads
        said = b"?"
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(10)
                line.connect(path)
                line.sendall(b"GET /api/v1/session HTTP/1.1\r\nHost: holdfast\r\nConnection: close\r\n\r\n")
                with line.makefile("rb") as answer:
                    said = answer.read()
        except BaseException as error:  # noqa: BLE001 - the parent judges
            said = type(error).__name__.encode()
        finally:
            os.write(write, said)
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.needs_root
def test_another_user_is_refused_on_the_local_socket(api) -> None:
    """By the file's mode; and by the kernel's word for who it is, should the mode ever be wrong."""
    assert other_users_answer(str(api.socket)) == b"PermissionError"
    opened = [(api.base, 0o755), (api.socket.parent, 0o755), (api.socket, 0o666)]
    modes = [path.stat().st_mode & 0o7777 for path, _ in opened]
    try:
        for path, mode in opened:
            path.chmod(mode)
        answer = other_users_answer(str(api.socket))
    finally:
        for (path, _), mode in zip(opened, modes, strict=True):
            path.chmod(mode)
    assert answer.split()[1] == b"403"
    assert b"peer_refused" in answer
    assert api.admin().get("/api/v1/session").json()["id"] == "local:0"


@dataclass
class Story:
    """A run that this test writes, as a runner would."""

    db: Database
    id: str
    seq: int = field(default=0)

    def say(self, *messages: str) -> None:
        with self.db.write() as conn:
            for message in messages:
                self.seq += 1
                line = {"seq": self.seq, "at": datetime.now(UTC), "level": "info", "message": message, "fields": {}}
                conn.execute(run_logs.insert().values(run_id=self.id, **line))

    def become(self, state: str) -> None:
        with self.db.write() as conn:
            conn.execute(runs.update().where(runs.c.id == self.id).values(state=state))


@contextmanager
def story(api: Api) -> Iterator[Story]:
    project = api.admin().get("/api/v1/projects").json()["items"][0]["id"]
    db = Database(metadata_of(api.base))
    try:
        with db.write() as conn:
            run = Jobs(db, clock=SystemClock()).submit(
                conn, kind="snapshot.create", actor="usr_x", project_id=project, environment_id=None
            )
        yield Story(db, run.id)
    finally:
        db.close()


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Server-sent events as a browser reads them (comments left out)."""
    event: dict[str, Any] = {}
    for line in answer.iter_lines():
        if line == "" and event:
            yield event
            event = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = json.loads(value) if name == "data" else value


def test_a_runs_events_arrive_as_they_happen_and_end_with_it(api) -> None:
    with story(api) as run, api.key().stream("GET", f"/api/v1/runs/{run.id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        heard = events(answer)
        assert next(heard)["data"]["state"] == "queued"
        run.say("one", "two\nlines", "three")
        assert [(event["id"], event["data"]["message"]) for event in (next(heard), next(heard), next(heard))] == [
            ("1", "one"),
            ("2", "two\nlines"),
            ("3", "three"),
        ]
        run.say("four")
        run.become("succeeded")
        rest = list(heard)
        assert [event["event"] for event in rest] == ["log", "state"]
        assert rest[-1]["data"]["state"] == "succeeded"


def test_who_comes_back_misses_nothing_and_hears_nothing_twice(api) -> None:
    with story(api) as run:
        run.say("one", "two", "three")
        run.become("failed")
        path, client = f"/api/v1/runs/{run.id}/events", api.key()
        for last, wanted in (("0", ["1", "2", "3"]), ("2", ["3"]), ("3", []), ("99", [])):
            with client.stream("GET", path, headers={"Last-Event-ID": last}) as answer:
                found = list(events(answer))
            assert [event["id"] for event in found if event["event"] == "log"] == wanted
            assert found[-1]["event"] == "state"
        refused = client.get(path, headers={"Last-Event-ID": "x"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "event_id_invalid")


def test_a_stop_ends_streams_at_once_and_cleanly() -> None:
    """SIGTERM with a stream open: the client sees its end, not a broken line, and the process ends with 0."""
    base = Path(tempfile.mkdtemp(prefix="hf-api-"))
    try:
        running = start_api(base)
        try:
            with story(running) as run, running.key().stream("GET", f"/api/v1/runs/{run.id}/events") as answer:
                heard = events(answer)
                assert next(heard)["event"] == "state"
                started = time.monotonic()
                running.process.send_signal(signal.SIGTERM)
                assert list(heard) == []
                assert time.monotonic() - started < 5
            assert running.process.wait(60) == 0
            assert time.monotonic() - started < 8
        finally:
            stop_api(running)
    finally:
        shutil.rmtree(base)
