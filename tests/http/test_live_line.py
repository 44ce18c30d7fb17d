"""The dashboard's line on a real server: what it is told, what it is not told, and when it ends."""

from __future__ import annotations

import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from served import PASSWORD, Api

from holdfast.features.live.api import LONGEST_PAGE, page_of
from holdfast.features.live.signals import noun_of
from holdfast.formats.websocket import Opcode, Parser, close_of, encode
from holdfast.kernel.wake import Wake

pytestmark = pytest.mark.xdist_group("http-live")


class Line:
    """A WebSocket as a browser opens it, with a cookie and the page's own origin."""

    def __init__(self, api: Api, client: httpx.Client, **headers: str) -> None:
        host, port = api.url.removeprefix("http://").split(":")
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        key = base64.b64encode(os.urandom(16)).decode()
        given = {"Host": f"{host}:{port}", "Origin": api.url, "Cookie": cookie, "Upgrade": "websocket"}
        given |= {"Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key} | headers
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        lines = ["GET /api/v1/live HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        heard = b""
        while b"\r\n\r\n" not in heard:
            more = self.socket.recv(4096)
            assert more, heard
            heard += more
        head, _, rest = heard.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])
        self.closed: int | None = None
        self._parser = Parser(masked_frames=False, limit=65536)
        self._waiting = list(self._parser.feed(rest)) if self.status == 101 else []

    def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.socket.sendall(encode(Opcode.TEXT, text.encode(), mask=True))

    def look(self, page: str) -> None:
        self.say({"type": "look", "page": page})

    def heard(self, seconds: float = 20) -> dict[str, Any] | None:
        """The next message; None when the line is closed or nothing was said for that long."""
        end = time.monotonic() + seconds
        while not self._waiting:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                return None
            if not more:
                return None
            self._waiting += self._parser.feed(more)
        message = self._waiting.pop(0)
        if message.opcode is Opcode.CLOSE:
            self.closed = close_of(message.data)[0]
            return None
        found: dict[str, Any] = json.loads(message.data)
        return found

    def until(self, **wanted: Any) -> dict[str, Any]:
        """The next message that says all of this."""
        seen = []
        while (message := self.heard()) is not None:
            seen.append(message)
            if all(message.get(name) == value for name, value in wanted.items()):
                return message
        raise AssertionError((wanted, seen, self.closed))

    def told_of(self, noun: str) -> dict[str, Any]:
        while True:
            message = self.until(type="changed")
            if noun in message["nouns"]:
                return message

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def owner(api: Api) -> httpx.Client:
    client = api.browser()
    assert client.post("/api/v1/session/step-up", json={"password": PASSWORD}).status_code == 200
    return client


@pytest.fixture
def line(api: Api, owner: httpx.Client) -> Iterator[Line]:
    with closing(Line(api, owner)) as opened:
        assert opened.until(type="hello")["seq"] >= 0
        yield opened


def person(api: Api, owner: httpx.Client, email: str, project_id: str | None = None) -> httpx.Client:
    """Invited and signed in; a viewer of one project, or of all."""
    rights = {"grants": [{"role": "viewer", "project_id": project_id}]} if project_id else {"role": "viewer"}
    wanted = {"email": email, **rights}
    invited = owner.post("/api/v1/invites", json=wanted)
    assert invited.status_code == 201, invited.text
    token = invited.json()["link"].partition("#invite=")[2]
    client = api.anonymous()
    body = {"token": token, "name": email.partition("@")[0], "password": "a long enough password"}
    made = client.post("/api/v1/invites/accept", json=body)
    assert made.status_code in (200, 201, 204), made.text
    entered = client.post("/api/v1/session", json={"email": email, "password": "a long enough password"})
    assert entered.status_code == 201, entered.text
    return client


def test_a_change_is_told_as_its_noun_and_nothing_more(line: Line, owner: httpx.Client) -> None:
    name = "secret-name-of-a-project"
    assert owner.post("/api/v1/projects", json={"name": name}).status_code == 201
    told = line.told_of("project")
    assert set(told) == {"type", "nouns", "seq"}
    assert name not in json.dumps(told)


def test_other_projects_changes_are_not_told(api: Api, owner: httpx.Client) -> None:
    """Whoever sees one project hears nothing of another, also not that something happened there."""
    mine, theirs = (owner.post("/api/v1/projects", json={"name": n}).json()["id"] for n in ("mine", "theirs"))
    with closing(Line(api, person(api, owner, "one@example.org", project_id=mine))) as line:
        line.until(type="hello")
        owner.post(f"/api/v1/projects/{theirs}/environments", json={"name": "hidden", "kind": "development"})
        owner.post(f"/api/v1/projects/{mine}/environments", json={"name": "shown", "kind": "development"})
        told = line.told_of("environment")
        rows = owner.get("/api/v1/audit", params={"action": "environment.create", "limit": 1}).json()["items"]
        assert told["seq"] == rows[0]["seq"]
        owner.post(f"/api/v1/projects/{theirs}/environments", json={"name": "hidden two", "kind": "development"})
        assert line.heard(2) is None
        assert line.closed is None


def test_people_on_one_page_see_each_other_and_leave(api: Api, owner: httpx.Client, line: Line) -> None:
    other = person(api, owner, "two@example.org")
    line.look("/databases/db_1")
    with closing(Line(api, other)) as theirs:
        theirs.look("/databases/db_1?tab=x#y")
        assert [each["display"] for each in line.until(type="people", page="/databases/db_1")["people"]] == [
            "two@example.org"
        ]
        assert len(theirs.until(type="people", page="/databases/db_1")["people"]) == 1
        theirs.look("/elsewhere")
        assert line.until(type="people")["people"] == []
        theirs.look("/databases/db_1")
        assert len(line.until(type="people")["people"]) == 1
    assert line.until(type="people")["people"] == []


def test_strangers_do_not_learn_of_each_other(api: Api, owner: httpx.Client) -> None:
    """People who share no project: a page's address says nothing about who else has it open."""
    places = [owner.post("/api/v1/projects", json={"name": name}).json()["id"] for name in ("left", "right")]
    people = [person(api, owner, f"p{n}@example.org", project_id=place) for n, place in enumerate(places)]
    with closing(Line(api, people[0])) as left, closing(Line(api, people[1])) as right:
        for each in (left, right):
            each.until(type="hello")
            each.look("/databases")
        assert left.until(type="people")["people"] == []
        assert right.until(type="people")["people"] == []


@pytest.mark.parametrize("said", ["", "nonsense", "[]", '{"type":"look","page":7}', "x" * 5000, '{"type":"query"}'])
def test_whoever_says_something_else_is_cut_off(line: Line, said: str) -> None:
    line.say(said)
    while line.heard() is not None:
        continue
    assert line.closed == 1008


def test_signing_out_ends_the_line(api: Api, line: Line, owner: httpx.Client) -> None:
    assert owner.delete("/api/v1/session").status_code == 204
    while line.heard() is not None:
        continue
    assert line.closed == 1008


def test_refusals_are_ordinary_answers(api: Api, owner: httpx.Client) -> None:
    for headers, status in (
        ({"Cookie": ""}, 401),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 421),
    ):
        with closing(Line(api, owner, **headers)) as refused:
            assert refused.status == status


def test_one_actor_holds_no_more_than_forty(api: Api, owner: httpx.Client) -> None:
    opened = [Line(api, owner) for _ in range(41)]
    try:
        assert [each.status for each in opened] == [101] * 40 + [409]
    finally:
        for each in opened:
            each.close()


def test_words() -> None:
    assert page_of('{"type":"look","page":"/a?b#c"}') == "/a"
    assert page_of(json.dumps({"type": "look", "page": "/" + "x" * LONGEST_PAGE})) is None
    assert page_of("[" * 900) is None
    assert [noun_of(each) for each in ("snapshot.restore.done", "database.query", "run.cancel", "request.denied")] == [
        "snapshot",
        "audit",
        "run",
        "audit",
    ]


def test_lines_of_workers_are_told_to_who_sees_their_place(api: Api, owner: httpx.Client) -> None:
    mine, theirs = (owner.post("/api/v1/projects", json={"name": n}).json()["id"] for n in ("logs mine", "logs theirs"))
    places = {
        each: owner.get(f"/api/v1/projects/{each}/environments").json()["items"][0]["id"] for each in (mine, theirs)
    }
    wake = Wake(api.socket.parent)
    with closing(wake), closing(Line(api, person(api, owner, "logs@example.org", project_id=mine))) as line:
        line.until(type="hello")
        wake.notify(f"worker-log:{theirs}:{places[theirs]}")
        wake.notify("worker-log:nonsense")
        told: list[str] = []
        while (message := line.heard(2)) is not None:
            told += message.get("nouns", [])
        assert "worker-log" not in told
        wake.notify(f"worker-log:{mine}:{places[mine]}")
        line.told_of("worker-log")
