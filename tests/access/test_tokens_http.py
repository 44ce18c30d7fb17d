"""Tokens as a client meets them: over HTTP, and with the command line."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from holdfast import app as composition
from holdfast.cli import app as command_line
from holdfast.client import Client
from holdfast.features.access.actor import local_actor
from holdfast.features.access.keys import WantedKey
from holdfast.http import Services, create_app
from holdfast.kernel.settings import Settings
from holdfast.terminal.context import Terminal

EMAIL, PASSWORD = "owner@example.org", "correct horse battery staple"
BASE = "http://127.0.0.1:7700"


class Site:
    def __init__(self, services: Services, client: TestClient) -> None:
        self.services = services
        self.client = client
        link = services.access.first_run_link()
        assert link is not None
        self.cookie = services.access.exchange(link.partition("#token=")[2], EMAIL, PASSWORD).token

    def bearer(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    def key(self) -> dict[str, str]:
        return self.bearer(self.services.keys.create(local_actor(0), WantedKey("t"))[1])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    base = Path(tempfile.mkdtemp(prefix="hf-tokens-"))
    (base / "data").mkdir()
    settings = Settings(base / "data", base / "run", base / "master.key")
    services = composition.build_services(settings)
    try:
        with TestClient(create_app(services, settings), base_url=BASE) as client:
            yield Site(services, client)
    finally:
        for close in reversed(services.closers):
            close()
        shutil.rmtree(base)


def test_from_the_password_to_a_refreshed_token(site) -> None:
    """In the fields of RFC 6749, and into no cache."""
    made = site.client.post("/api/v1/tokens", json={"email": EMAIL, "password": PASSWORD, "name": "laptop"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    pair = made.json()
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 600)
    who = site.client.get("/api/v1/session", headers=site.bearer(pair["access_token"])).json()
    assert (who["display"], who["stepped_up"]) == (EMAIL, False)
    answer = site.client.post("/api/v1/keys", json={"name": "ci"}, headers=site.bearer(pair["access_token"]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "step_up_required")
    again = site.client.post("/api/v1/tokens/refresh", json={"refresh_token": pair["refresh_token"]})
    assert again.status_code == 200
    spent = site.client.post("/api/v1/tokens/refresh", json={"refresh_token": pair["refresh_token"]})
    assert (spent.status_code, spent.headers["www-authenticate"]) == (401, "Bearer")
    ended = site.client.get("/api/v1/session", headers=site.bearer(again.json()["access_token"]))
    assert ended.status_code == 401


def test_a_cookie_a_key_and_nothing(site) -> None:
    cookie = {"Cookie": f"holdfast_session={site.cookie}", "Origin": BASE}
    assert site.client.post("/api/v1/tokens", headers=cookie).status_code == 201
    assert site.client.post("/api/v1/tokens", headers={**cookie, "Origin": "http://evil.example"}).status_code == 403
    assert site.client.post("/api/v1/tokens", headers=site.key()).status_code == 201
    assert site.client.post("/api/v1/tokens").status_code == 401
    for body in ({"email": EMAIL}, {"password": PASSWORD}, {"email": EMAIL, "password": PASSWORD, "scope": "x"}):
        assert site.client.post("/api/v1/tokens", json=body).status_code == 422
    wrong = site.client.post("/api/v1/tokens", json={"email": EMAIL, "password": "x"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "unauthenticated")


def test_the_list_shows_no_token_and_a_revoked_one_is_dead(site) -> None:
    headers = site.key()
    pair = site.client.post("/api/v1/tokens", json={"name": "one"}, headers=headers).json()
    listed = site.client.get("/api/v1/tokens", headers=headers)
    assert [item["id"] for item in listed.json()["items"]] == [pair["family_id"]]
    assert pair["refresh_token"] not in listed.text
    ended = site.client.delete(f"/api/v1/tokens/{pair['family_id']}", headers=headers)
    assert ended.json()["revoked_why"] == "revoked"
    assert site.client.get("/api/v1/session", headers=site.bearer(pair["access_token"])).status_code == 401


def test_the_public_keys_are_public_and_may_be_kept_for_a_while(site) -> None:
    site.client.post("/api/v1/tokens", headers=site.key())
    answer = site.client.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert len(keys) == 2
    assert all(set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"} for key in keys)


class _Inside(Client):
    """The command line's client, on the app in this process."""

    def __init__(self, client: TestClient, headers: dict[str, str]) -> None:
        super().__init__(BASE)
        client.headers.update(headers)
        self._http = client


def test_the_command_line(site) -> None:
    """create, list, refresh, revoke, rotate-keys."""

    def run(*words: str, given: str = "") -> dict:
        terminal = Terminal(json=True, _client=_Inside(site.client, headers))
        answer = CliRunner().invoke(command_line, ["token", *words], obj=terminal, input=given)
        assert answer.exit_code == 0, answer.output
        return json.loads("\n".join(line for line in answer.stdout.splitlines() if "[info " not in line))

    headers = site.key()
    try:
        pair = run("create", "--name", "mine")
        assert [item["name"] for item in run("list")] == ["mine"]
        again = run("refresh", given=pair["refresh_token"] + "\n")
        assert again["family_id"] == pair["family_id"]
        hers = run("create", "--email", EMAIL, "--password-stdin", given=PASSWORD + "\n")
        assert hers["family_id"] != pair["family_id"]
        assert run("revoke", pair["family_id"])["revoked_why"] == "revoked"
        before = {key["kid"] for key in site.client.get("/.well-known/jwks.json").json()["keys"]}
        rotated = run("rotate-keys")["keys"]
        assert next(key["id"] for key in rotated if key["slot"] == "current") in before
    finally:
        site.client.headers.pop("Authorization", None)
