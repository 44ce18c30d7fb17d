"""The same over HTTP, on the api as it is composed: cookies, statuses, bodies, and what is said to strangers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import metadata_home
import pyotp
import pytest
from accounts_house import OTHER, OWNER, PASSWORD, hashed, token_of
from starlette.testclient import TestClient

from holdfast import app as composition
from holdfast.features.access import store
from holdfast.features.access.actor import local_actor
from holdfast.features.access.keys import WantedKey
from holdfast.features.access.model import User
from holdfast.http import Services, create_app
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings
from holdfast.web.origin import COOKIE

pytestmark = pytest.mark.xdist_group("accounts-api")
URL = "http://127.0.0.1:7700"
API = "/api/v1"


@dataclass
class Site:
    app: Any
    services: Services

    def browser(self, token: str | None = None) -> TestClient:
        """One browser; closed with the process. With a session's token it is signed in."""
        client = TestClient(self.app, base_url=URL, headers={"Origin": URL})
        if token:
            client.cookies.set(COOKIE, token, domain="127.0.0.1")
        return client

    def person(self, name: str, role: str) -> tuple[User, TestClient]:
        """Someone with an account, and their browser."""
        user = User(new_id("usr"), f"{name}@example.org", hashed(PASSWORD), role, self.services_now(), None)
        with self.services.db.write() as conn:
            store.insert_user(conn, user)
            token = self.services.access.open(conn, user, "Firefox").token
        return user, self.browser(token)

    def services_now(self) -> Any:
        return self.services.access._clock.now()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    base = tmp_path_factory.mktemp("accounts")
    (base / "data").mkdir()
    url = metadata_home.url(base / "data" / "meta" / "holdfast.db")
    settings = Settings(base / "data", base / "run", base / "master.key", database_url=url)
    services = composition.build_services(settings)
    yield Site(create_app(services, settings), services)
    for close in reversed(services.closers):
        close()


@pytest.fixture(scope="module")
def owner(site: Site) -> TestClient:
    return site.person("owner", "owner")[1]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def invite(owner: TestClient, email: str, **more: Any) -> dict[str, Any]:
    answer = owner.post(f"{API}/invites", json={"email": email, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_from_the_invite_to_the_deleted_account(site, owner) -> None:
    made = invite(owner, "ada@example.org", role="viewer")
    assert made["link"].startswith(f"{URL}/#invite=")
    ada = site.browser()
    answer = ada.post(
        f"{API}/invites/accept", json={"token": token_of(made["link"]), "name": " Ada ", "password": OTHER}
    )
    assert answer.status_code == 201, answer.text
    assert (answer.json()["display"], answer.json()["stepped_up"]) == ("ada@example.org", True)
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert ada.get(f"{API}/session").json()["kind"] == "user"
    assert code(ada.get(f"{API}/users")) == (403, "permission_denied")

    user_id = answer.json()["id"]
    read = owner.get(f"{API}/users/{user_id}")
    assert (read.json()["name"], read.json()["role"], read.headers["etag"]) == ("Ada", "viewer", '"v1"')
    assert "password_hash" not in read.text
    assert owner.patch(f"{API}/users/{user_id}", json={"role": "operator"}).status_code == 428
    changed = owner.patch(f"{API}/users/{user_id}", json={"role": "operator"}, headers={"If-Match": '"v1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    assert "snapshot.create" in ada.get(f"{API}/session").json()["permissions"], "at once, in the session that is open"
    stale = owner.patch(f"{API}/users/{user_id}", json={"name": "Eve"}, headers={"If-Match": '"v1"'})
    assert stale.status_code == 412

    assert code(owner.request("DELETE", f"{API}/users/{user_id}", json={"confirm": "ada"})) == (422, "confirm_mismatch")
    gone = owner.request("DELETE", f"{API}/users/{user_id}", json={"confirm": "ada@example.org"})
    assert gone.status_code == 204
    assert ada.get(f"{API}/session").status_code == 401
    left = owner.get(f"{API}/users/{user_id}").json()
    assert (left["email"], left["name"], left["role"]) == (None, "", "member")
    assert user_id not in owner.get(f"{API}/users", params={"limit": 200}).text
    assert user_id in owner.get(f"{API}/users", params={"deleted": True}).text


def test_an_answer_that_was_lost_shows_the_link_no_second_time(site, owner) -> None:
    body, headers = {"email": "lost@example.org"}, {"Idempotency-Key": "once"}
    first = owner.post(f"{API}/invites", json=body, headers=headers).json()
    again = owner.post(f"{API}/invites", json=body, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {**first, "link": None}
    open_ = owner.get(f"{API}/invites", params={"open": True, "limit": 200})
    assert token_of(first["link"]) not in open_.text
    assert [item["id"] for item in open_.json()["items"] if item["email"] == "lost@example.org"] == [first["id"]]
    assert owner.delete(f"{API}/invites/{first['id']}").json()["revoked_at"]


def test_strangers_learn_nothing_from_a_link(site, owner) -> None:
    """An address with an account, one that never was and plain nonsense: byte for byte the same."""
    taken = invite(owner, "taken@example.org")
    site.person("taken", "member")
    tokens = [token_of(taken["link"]), "x" * 43, "0"]
    answers = [
        site.browser().post(f"{API}/invites/accept", json={"token": token, "password": OTHER}) for token in tokens
    ]
    answers += [
        site.browser().post(f"{API}/session/reset", json={"token": token, "password": OTHER}) for token in tokens
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
    assert code(answers[0]) == (401, "link_invalid")
    assert not any("set-cookie" in answer.headers for answer in answers)
    assert code(owner.post(f"{API}/invites", json={"email": "taken@example.org"})) == (409, "user_exists")


def test_a_cookie_planted_before_the_invite_is_not_the_session_after(site, owner) -> None:
    """Session fixation: neither an unknown value nor someone's own working session survives."""
    _, attacker = site.person("attacker", "viewer")
    theirs = attacker.cookies[COOKIE]
    for number, planted in enumerate(("planted-by-someone", theirs)):
        link = invite(owner, f"victim{number}@example.org")["link"]
        victim = site.browser(planted)
        answer = victim.post(f"{API}/invites/accept", json={"token": token_of(link), "password": OTHER})
        assert answer.status_code == 201
        fresh = answer.cookies[COOKIE]
        assert fresh not in (planted, theirs)
        assert site.browser(planted).get(f"{API}/session").status_code == 401
        assert site.browser(fresh).get(f"{API}/session").json()["display"] == f"victim{number}@example.org"


def test_one_s_own_password(site) -> None:
    ada, here = site.person("changer", "viewer")
    with site.services.db.write() as conn:
        elsewhere = site.browser(site.services.access.open(conn, ada, "Safari").token)
    before = here.cookies[COOKIE]
    url, body = f"{API}/session/password", {"old_password": PASSWORD, "new_password": OTHER}
    assert code(here.post(url, json={**body, "old_password": "wrong"})) == (401, "unauthenticated")
    assert code(here.post(url, json={**body, "new_password": "changer123456"})) == (422, "password_weak")
    assert code(here.post(url, json={**body, "new_password": "short"})) == (422, "password_invalid")
    assert here.post(url, json={**body, "new_password": "x" * 1025}).status_code == 422
    answer = here.post(url, json=body)
    assert (answer.status_code, answer.json()["display"]) == (200, ada.email)
    assert here.cookies[COOKIE] != before
    assert here.get(f"{API}/session").status_code == 200
    assert site.browser(before).get(f"{API}/session").status_code == 401
    assert elsewhere.get(f"{API}/session").status_code == 401
    key = site.services.keys.create(local_actor(0), WantedKey("no one"))[1]
    refused = site.browser().post(url, json=body, headers={"Authorization": f"Bearer {key}"})
    assert code(refused) == (409, "no_session")


@pytest.mark.parametrize("how", ["password", "revoke-others", "reset", "disabled", "deleted", "sessions"])
def test_refresh_tokens_end_with_the_sessions(site, owner, how) -> None:
    """Whatever stands for being signed in goes with it; in the same transaction, by the hook of the tokens' part."""
    ada, here = site.person(f"tokens-{how}", "viewer")
    pair = here.post(f"{API}/tokens")
    assert pair.status_code == 201, pair.text
    refresh = {"refresh_token": pair.json()["refresh_token"]}
    bearer = {"Authorization": f"Bearer {pair.json()['access_token']}"}
    assert site.browser().get(f"{API}/session", headers=bearer).status_code == 200
    path = f"{API}/users/{ada.id}"
    acts = {
        "password": lambda: here.post(
            f"{API}/session/password", json={"old_password": PASSWORD, "new_password": OTHER}
        ),
        "revoke-others": lambda: here.post(f"{API}/sessions/revoke-others"),
        "reset": lambda: owner.post(f"{path}/reset"),
        "disabled": lambda: owner.patch(path, json={"disabled": True}, headers={"If-Match": '"v1"'}),
        "deleted": lambda: owner.request("DELETE", path, json={"confirm": ada.email}),
        "sessions": lambda: owner.delete(f"{path}/sessions"),
    }
    assert acts[how]().status_code < 300
    assert site.browser().post(f"{API}/tokens/refresh", json=refresh).status_code == 401
    assert site.browser().get(f"{API}/session", headers=bearer).status_code == 401


def test_half_a_character_is_no_500(site, owner) -> None:
    """JSON can write what no text holds; whoever reads it says so."""
    raw = b'{"old_password": "' + PASSWORD.encode() + b'", "new_password": "half a \\ud800 surrogate"}'
    _, here = site.person("surrogate", "viewer")
    answer = here.post(f"{API}/session/password", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text


def test_where_one_is_signed_in(site, owner) -> None:
    ada, here = site.person("sessions", "viewer")
    with site.services.db.write() as conn:
        others = [site.browser(site.services.access.open(conn, ada, agent).token) for agent in ("Safari", "Edge")]
    mine = here.get(f"{API}/sessions").json()["items"]
    assert [(item["user_agent"], item["current"]) for item in mine] == [
        ("Firefox", True),
        ("Safari", False),
        ("Edge", False),
    ]
    assert "token" not in str(mine)
    theirs = owner.get(f"{API}/sessions").json()["items"][0]["id"]
    foreign, absent = (here.delete(f"{API}/sessions/{one}") for one in (theirs, new_id("ses")))
    assert (foreign.status_code, foreign.content) == (404, absent.content)
    assert here.delete(f"{API}/sessions/{mine[1]['id']}").status_code == 204
    assert [browser.get(f"{API}/session").status_code for browser in others] == [401, 200]
    assert here.post(f"{API}/sessions/revoke-others").json() == {"ended": 1}
    assert here.get(f"{API}/session").status_code == 200
    seen = owner.get(f"{API}/users/{ada.id}/sessions").json()["items"]
    assert [(item["id"], item["current"]) for item in seen] == [(mine[0]["id"], False)]
    answer = here.delete(f"{API}/sessions/{mine[0]['id']}")
    assert answer.status_code == 204
    assert 'holdfast_session=""' in answer.headers["set-cookie"]
    assert here.get(f"{API}/session").status_code == 401
    with site.services.db.write() as conn:
        again = site.browser(site.services.access.open(conn, ada, "Firefox").token)
    assert owner.delete(f"{API}/users/{ada.id}/sessions").json() == {"ended": 1}
    assert again.get(f"{API}/session").status_code == 401


def test_a_key_has_no_sessions(site) -> None:
    key = {"Authorization": f"Bearer {site.services.keys.create(local_actor(0), WantedKey('none'))[1]}"}
    assert site.browser().get(f"{API}/sessions", headers=key).json() == {"items": [], "next_cursor": None}
    assert code(site.browser().post(f"{API}/sessions/revoke-others", headers=key)) == (409, "no_session")


def test_a_reset_from_the_link_to_the_next_sign_in(site, owner) -> None:
    ada, here = site.person("forgetful", "viewer")
    answer = owner.post(f"{API}/users/{ada.id}/reset", json={"url": "https://db.example.org"})
    link = answer.json()["link"]
    assert link.startswith("https://db.example.org/#reset=")
    assert owner.get(f"{API}/users/{ada.id}").json()["password_set"] is False
    assert here.get(f"{API}/session").status_code == 401
    for wrong in ("javascript:alert(1)", "https://x/#token=", "https://a@b", "//x"):
        assert owner.post(f"{API}/users/{ada.id}/reset", json={"url": wrong}).status_code == 422
    body = {"token": token_of(link), "password": OTHER}
    assert code(site.browser().post(f"{API}/session/reset", json={**body, "password": "forgetful2026"})) == (
        422,
        "password_weak",
    )
    done = site.browser().post(f"{API}/session/reset", json=body)
    assert (done.status_code, done.content) == (204, b"")
    assert "set-cookie" not in done.headers
    credentials = {"email": ada.email, "password": OTHER}
    assert site.browser().post(f"{API}/session", json=credentials).status_code == 201


def test_a_viewer_gets_at_nobody(site, owner) -> None:
    ada, here = site.person("viewer", "viewer")
    boss, _ = site.person("chief", "admin")
    for method, path, body in (
        ("GET", "/users", None),
        ("GET", f"/users/{boss.id}", None),
        ("PATCH", f"/users/{ada.id}", {"role": "owner"}),
        ("DELETE", f"/users/{boss.id}", {"confirm": boss.email}),
        ("POST", f"/users/{boss.id}/reset", None),
        ("POST", "/invites", {"email": "friend@example.org", "role": "owner"}),
        ("GET", f"/users/{boss.id}/sessions", None),
        ("DELETE", f"/users/{boss.id}/sessions", None),
    ):
        answer = here.request(method, API + path, json=body, headers={"If-Match": '"v1"'})
        assert code(answer) == (403, "permission_denied"), path
    assert owner.get(f"{API}/users", params={"email": OWNER}).json()["items"][0]["role"] == "owner"


def test_ones_own_account_says_what_one_may_do_where_and_takes_a_name(site, owner) -> None:
    grace, browser = site.person("grace", "member")
    project = owner.post(f"{API}/projects", json={"name": "navy"}).json()
    environment = owner.get(f"{API}/projects/{project['id']}/environments").json()["items"][0]
    owner.post(f"{API}/session/step-up", json={"password": PASSWORD})
    given = {"role": "viewer", "user_id": grace.id, "environment_id": environment["id"]}
    assert owner.post(f"{API}/grants", json=given).status_code == 201
    shown = browser.get(f"{API}/account").json()
    assert (shown["email"], shown["role"], shown["password_set"]) == ("grace@example.org", "member", True)
    places = [(role["role"], role["project"], role["environment"]) for role in shown["roles"]]
    assert places == [("viewer", "navy", environment["name"])]
    changed = browser.patch(f"{API}/account", json={"name": "Grace"})
    assert (changed.status_code, changed.json()["name"]) == (200, "Grace")
    assert browser.patch(f"{API}/account", json={"name": "a\nb"}).status_code == 422
    assert browser.patch(f"{API}/account", json={"role": "owner"}).status_code == 422
    assert browser.get(f"{API}/users").status_code == 403
    listed = owner.get(f"{API}/grants", params={"user_id": grace.id}).json()["items"]
    told = [(each["email"], each["name"], each["project"], each["environment"]) for each in listed]
    assert told == [("grace@example.org", "Grace", "navy", environment["name"])]


def test_a_key_has_no_account(site, owner) -> None:
    made = site.services.keys.create(local_actor(0), WantedKey("robot"))[1]
    robot = site.browser()
    for method, body in (("GET", None), ("PATCH", {"name": "x"})):
        answer = robot.request(method, f"{API}/account", json=body, headers={"Authorization": f"Bearer {made}"})
        assert code(answer) == (409, "not_a_person")


def test_the_list_of_people_says_who_has_a_second_factor(site, owner) -> None:
    linus, browser = site.person("linus", "viewer")
    browser.post(f"{API}/session/step-up", json={"password": PASSWORD})

    def said() -> list[bool]:
        listed = owner.get(f"{API}/users", params={"email": linus.email}).json()["items"]
        return [each["second_factor"] for each in listed]

    secret = browser.post(f"{API}/account/totp").json()["secret"]
    assert said() == [False]  # begun is not had
    now = site.services_now()
    confirmed = browser.post(f"{API}/account/totp/confirm", json={"code": pyotp.TOTP(secret).at(now)})
    assert confirmed.status_code == 200, confirmed.text
    assert said() == [True]
