"""Attacks that cross from one part to another: a credential where another belongs, a stream that outlives its right,
fields nobody asked for, other people's ids."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from served import EMAIL, PASSWORD, Api
from test_listeners import events, story

pytestmark = pytest.mark.xdist_group("http-across")

OTHER = "seventeen goats on a hill"


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@dataclass
class Town:
    """An owner, somebody without rights, and one live credential of each kind."""

    api: Api
    owner: httpx.Client
    someone: str
    credentials: dict[str, str]

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request of its own: no cookie is left over from another."""
        return httpx.request(method, self.api.url + path, timeout=20, **more)

    def as_cookie(self, text: str) -> httpx.Response:
        return self.call("GET", "/api/v1/session", headers={"Cookie": f"holdfast_session={text}"})

    def as_bearer(self, text: str) -> httpx.Response:
        return self.call("GET", "/api/v1/session", headers=bearer(text))

    def as_refresh(self, text: str) -> httpx.Response:
        return self.call("POST", "/api/v1/tokens/refresh", json={"refresh_token": text[:200]})

    def as_invite(self, text: str) -> httpx.Response:
        return self.call("POST", "/api/v1/invites/accept", json={"token": text[:200], "password": OTHER})

    def as_reset(self, text: str) -> httpx.Response:
        return self.call("POST", "/api/v1/session/reset", json={"token": text[:200], "password": OTHER})

    def as_first_run(self, text: str) -> httpx.Response:
        body = {"token": text[:200], "email": "second@example.org", "password": OTHER}
        return self.call("POST", "/api/v1/session/first-run", json=body)

    @property
    def slots(self) -> dict[str, Callable[[str], httpx.Response]]:
        return {
            "cookie": self.as_cookie,
            "key": self.as_bearer,
            "access": self.as_bearer,
            "refresh": self.as_refresh,
            "invite": self.as_invite,
            "reset": self.as_reset,
            "first run": self.as_first_run,
        }


def after(link: str) -> str:
    return link.partition("#")[2].partition("=")[2]


def made(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


@pytest.fixture(scope="module")
def town(api: Api) -> Town:
    admin = api.admin()
    first_run = after(made(admin.post("/api/v1/session/first-run/link"))["link"])
    owner = api.browser()
    invited = made(admin.post("/api/v1/invites", json={"email": "someone@example.org"}))
    someone = api.anonymous()
    body = {"token": after(invited["link"]), "password": PASSWORD}
    made(someone.post("/api/v1/invites/accept", json=body))
    someone_id = made(someone.get("/api/v1/session"))["id"]
    key = made(admin.post("/api/v1/keys", json={"name": "across"}))["key"]
    pair = made(httpx.post(api.url + "/api/v1/tokens", headers=bearer(key), json={"name": "across"}))
    credentials = {
        "cookie": str(owner.cookies["holdfast_session"]),
        "key": key,
        "access": pair["access_token"],
        "refresh": pair["refresh_token"],
        "invite": after(made(admin.post("/api/v1/invites", json={"email": "later@example.org"}))["link"]),
        "reset": after(made(admin.post(f"/api/v1/users/{someone_id}/reset"))["link"]),
        "first run": first_run,
    }
    return Town(api, owner, someone_id, credentials)


KINDS = ("cookie", "key", "access", "refresh", "invite", "reset", "first run")


@pytest.mark.parametrize(
    ("kind", "slot"),
    [pair for pair in itertools.product(KINDS, KINDS) if pair not in {("key", "access"), ("access", "key")}],
)
def test_a_credential_of_one_kind_is_none_of_another(town, kind, slot) -> None:
    """A refresh token is no access token, a key no cookie, an invite no reset: 401, and it stays good for its own."""
    if kind == slot:
        if kind in ("cookie", "key", "access"):
            assert town.slots[slot](town.credentials[kind]).status_code == 200
        return
    answer = town.slots[slot](town.credentials[kind])
    assert answer.status_code in (401, 409) if slot == "first run" else answer.status_code == 401, answer.text
    assert "set-cookie" not in answer.headers
    assert town.credentials[kind] not in answer.text


def test_all_of_them_were_still_good(town) -> None:
    """Nothing above spent a link or a token: each still opens what it is for."""
    assert town.as_invite(town.credentials["invite"]).status_code == 201
    assert town.as_reset(town.credentials["reset"]).status_code == 204
    assert town.as_refresh(town.credentials["refresh"]).status_code == 200
    for kind in ("invite", "reset", "refresh"):
        assert town.slots[kind](town.credentials[kind]).status_code == 401


def test_a_token_steps_up_nowhere(town) -> None:
    """Neither a key nor its token answers for a password: there is no session behind it to step up."""
    for kind in ("key", "access"):
        answer = town.call(
            "POST", "/api/v1/session/step-up", json={"password": PASSWORD}, headers=bearer(town.credentials[kind])
        )
        assert answer.status_code in (401, 403, 409), answer.text


def test_a_persons_token_needs_the_step_up_that_it_cannot_get(town) -> None:
    """By e-mail and password: what a browser steps up for is refused, and a cookie beside it helps nothing."""
    body = {"email": EMAIL, "password": PASSWORD, "name": "laptop"}
    token = made(town.call("POST", "/api/v1/tokens", json=body))["access_token"]
    wanted = {"name": "more"}
    for headers in (
        bearer(token),
        {**bearer(token), "Cookie": f"holdfast_session={town.credentials['cookie']}", "Origin": town.api.url},
    ):
        answer = town.call("POST", "/api/v1/keys", json=wanted, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "step_up_required"), answer.text


def test_two_credentials_are_the_weaker_ones(town) -> None:
    """Authorization decides alone: a bad key is not rescued by a good cookie, a weak one not raised."""
    cookie = {"Cookie": f"holdfast_session={town.credentials['cookie']}", "Origin": town.api.url}
    for text in ("hf_" + "0" * 12 + "_" + "x" * 43, "nonsense", town.credentials["refresh"]):
        answer = town.call("GET", "/api/v1/session", headers={**cookie, **bearer(text)})
        assert answer.status_code == 401, answer.text
    weak = made(town.api.admin().post("/api/v1/keys", json={"name": "weak", "permissions": []}))["key"]
    answer = town.call("POST", "/api/v1/projects", json={"name": "x"}, headers={**cookie, **bearer(weak)})
    assert answer.status_code == 403


def test_other_peoples_ids_are_nobodys(town) -> None:
    """Sessions and tokens of the owner, asked for by someone with an account and no rights: as absent ones."""
    admin = town.api.admin()
    invited = made(admin.post("/api/v1/invites", json={"email": "nosy@example.org"}))
    nosy = town.api.anonymous()
    made(nosy.post("/api/v1/invites/accept", json={"token": after(invited["link"]), "password": PASSWORD}))
    me = made(town.owner.get("/api/v1/session"))["id"]
    mine = made(town.owner.get("/api/v1/sessions"))["items"][0]["id"]
    family = made(town.owner.post("/api/v1/tokens", json={}))["family_id"]
    for path, real in (("/api/v1/sessions/", mine), ("/api/v1/tokens/", family)):
        kind = real.partition("_")[0]
        answers = [nosy.delete(path + each) for each in (real, f"{kind}_{'0' * 26}")]
        assert [answer.status_code for answer in answers] in ([404, 404], [403, 403]), [each.text for each in answers]
        assert answers[0].content == answers[1].content
    assert mine not in nosy.get("/api/v1/sessions").text
    assert family not in nosy.get("/api/v1/tokens").text
    for path in (f"/api/v1/users/{me}", f"/api/v1/users/{me}/sessions", "/api/v1/users", "/api/v1/invites"):
        assert nosy.get(path).status_code == 403, path
    assert nosy.patch(f"/api/v1/users/{me}", json={"name": "x"}, headers={"If-Match": '"v1"'}).status_code == 403
    assert town.owner.get("/api/v1/session").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "extra"),
    [
        ("/api/v1/session", {"email": EMAIL, "password": PASSWORD}, {"stepped_up": True}),
        ("/api/v1/invites", {"email": "mass@example.org"}, {"id": "usr_x"}),
        ("/api/v1/keys", {"name": "mass", "permissions": []}, {"created_by": "local:0"}),
        ("/api/v1/keys", {"name": "mass", "permissions": []}, {"secret_hash": "0" * 64}),
        ("/api/v1/projects", {"name": "mass"}, {"id": "prj_" + "0" * 26}),
        ("/api/v1/projects", {"name": "mass"}, {"__class__": "x"}),
        ("/api/v1/tokens", {"name": "mass"}, {"scope": "everything"}),
        ("/api/v1/tokens/refresh", {"refresh_token": "hr_x"}, {"user_id": "usr_x"}),
    ],
)
def test_fields_that_are_not_asked_for_are_refused(town, path, body, extra) -> None:
    """422 by name, whoever asks; the same body without it is not."""
    admin = town.api.admin()
    answer = admin.post(path, json={**body, **extra})
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"]["fields"][0]["field"].endswith(next(iter(extra)))


def test_a_parameter_given_twice(town) -> None:
    """The last one counts everywhere alike, a repeatable one is all of them, and none of it widens what is seen."""
    admin = town.api.admin()
    mine, other = (made(admin.post("/api/v1/projects", json={"name": f"pollute {n}"}))["id"] for n in range(2))
    key = made(admin.post("/api/v1/keys", json={"name": "limited", "role": "viewer", "projects": [mine]}))["key"]
    for query in (
        [("project_id", mine), ("project_id", other)],
        [("project_id", other), ("project_id", mine)],
        [("project_id", f"{mine},{other}")],
        [("project_id[]", other)],
        [("PROJECT_ID", other)],
    ):
        answer = town.call("GET", "/api/v1/databases", params=query, headers=bearer(key))
        assert answer.status_code in (200, 404), answer.text
        assert other not in answer.text
    answer = town.call("GET", "/api/v1/projects", params=[("limit", "1"), ("limit", "100000")], headers=bearer(key))
    assert answer.status_code == 422
    twice = b'{"name": "a", "name": "b"}'
    head = {**bearer(town.credentials["key"]), "Content-Type": "application/json"}
    assert made(town.call("POST", "/api/v1/projects", content=twice, headers=head))["name"] == "b"
    where = f"/api/v1/projects?name=c&project_id={other}"
    assert made(town.call("POST", where, json={"name": "from the body"}, headers=head))["name"] == "from the body"


def test_a_forwarded_address_is_not_believed(town) -> None:
    """There is no proxy of ours: sessions and the audit log have the address of the line."""
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    signed = town.call(
        "POST",
        "/api/v1/session",
        json={"email": EMAIL, "password": PASSWORD},
        headers={"Origin": town.api.url, **forged},
    )
    assert signed.status_code == 201
    cookie = {"Cookie": f"holdfast_session={signed.cookies['holdfast_session']}"}
    listed = made(town.call("GET", "/api/v1/sessions", headers=cookie))["items"]
    assert {item["address"] for item in listed} == {"127.0.0.1"}
    assert "203.0.113.9" not in town.api.log.read_text()


def shut(town: Town, kind: str) -> tuple[dict[str, str], Callable[[], httpx.Response]]:
    """A credential that may read runs, and what takes it away."""
    admin = town.api.admin()
    if kind == "a revoked key":
        answer = made(admin.post("/api/v1/keys", json={"name": kind, "role": "viewer"}))
        return bearer(answer["key"]), lambda: admin.delete(f"/api/v1/keys/{answer['id']}")
    name = kind.replace(" ", "-")
    link = made(admin.post("/api/v1/invites", json={"email": f"{name}@example.org", "role": "viewer"}))["link"]
    person = town.api.anonymous()
    made(person.post("/api/v1/invites/accept", json={"token": after(link), "password": PASSWORD}))
    user = made(person.get("/api/v1/session"))["id"]
    cookie = {"Cookie": f"holdfast_session={person.cookies['holdfast_session']}"}
    where = f"/api/v1/users/{user}"
    match = {"If-Match": admin.get(where).headers["etag"]}
    ways: dict[str, Callable[[], httpx.Response]] = {
        "a session signed out": lambda: person.delete("/api/v1/session"),
        "an account disabled": lambda: admin.patch(where, json={"disabled": True}, headers=match),
        "a role taken": lambda: admin.patch(where, json={"role": "member"}, headers=match),
    }
    if kind == "a token of an account disabled":
        token = made(town.call("POST", "/api/v1/tokens", json={"email": f"{name}@example.org", "password": PASSWORD}))
        return bearer(token["access_token"]), ways["an account disabled"]
    return cookie, ways[kind]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "a revoked key",
        "a session signed out",
        "an account disabled",
        "a role taken",
        "a token of an account disabled",
    ],
)
def test_a_stream_ends_with_the_right_to_it(town, kind) -> None:
    """Within seconds, though there is always something new to hear; before that it went on."""
    credential, take_away = shut(town, kind)
    talking = threading.Event()
    with story(town.api) as run:
        path = f"/api/v1/runs/{run.id}/events"

        def talk() -> None:
            while not talking.wait(0.2):
                run.say("more")

        speaker = threading.Thread(target=talk)
        speaker.start()
        try:
            with httpx.stream("GET", town.api.url + path, headers=credential, timeout=30) as answer:
                heard = events(answer)
                assert next(heard)["event"] in ("log", "state"), answer.status_code
                if kind == "an account disabled":
                    time.sleep(6)  # longer than the check's interval: it is not cut off without a reason
                assert "log" in (next(heard)["event"], next(heard)["event"])  # with a line at once, the state is second
                taken = take_away()
                assert taken.status_code < 300, taken.text
                started = time.monotonic()
                for _ in heard:
                    assert time.monotonic() - started < 8, "it goes on"
        finally:
            talking.set()
            speaker.join()
        assert httpx.get(town.api.url + path, headers=credential).status_code in (401, 403)
