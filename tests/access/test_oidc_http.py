"""The way to a provider and back as a browser walks it, and the providers over HTTP and on the command line."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from oidc_provider import Provider, running
from oidc_provider.provider import CLIENT, SECRET
from starlette.testclient import TestClient
from typer.testing import CliRunner

from holdfast import app as composition
from holdfast.cli import app as command_line
from holdfast.client import Client
from holdfast.features.access.actor import local_actor
from holdfast.features.access.keys import WantedKey
from holdfast.features.access.sso.providers import ProvidersService
from holdfast.http import Services, create_app
from holdfast.kernel.db import metadata
from holdfast.kernel.settings import Settings
from holdfast.terminal.context import Terminal

BASE = "http://127.0.0.1:7700"


class Site:
    def __init__(self, services: Services, client: TestClient, idp: Provider) -> None:
        self.services = services
        self.client = client
        self.idp = idp
        self.key = {"Authorization": f"Bearer {services.keys.create(local_actor(0), WantedKey('sso'))[1]}"}

    def added(self, **more: Any) -> dict[str, Any]:
        body = {"name": "Example", "issuer": self.idp.issuer, "client_id": CLIENT, "client_secret": SECRET}
        body |= {"create_accounts": True, "allow_private": True, **more}
        answer = self.client.post("/api/v1/sso/providers", json=body, headers=self.key)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def back(self, url: str) -> str:
        """What the provider sends the browser to."""
        location = httpx.get(url, trust_env=False).headers["location"]
        return str(location).removeprefix(BASE)


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    base = Path(tempfile.mkdtemp(prefix="hf-sso-"))
    (base / "data").mkdir()
    settings = Settings(base / "data", base / "run", base / "master.key")
    services = composition.build_services(settings)
    try:
        with (
            running(lambda: datetime.now(UTC)) as idp,
            TestClient(create_app(services, settings), base_url=BASE, follow_redirects=False) as client,
        ):
            yield Site(services, client, idp)
    finally:
        for close in reversed(services.closers):
            close()
        shutil.rmtree(base)


@pytest.fixture
def site(served: Site) -> Iterator[Site]:
    """Without providers, accounts or cookies of the test before."""
    served.client.cookies.clear()
    served.idp.wrong = set()
    yield served
    providers: ProvidersService = served.services.parts[ProvidersService]
    for each in providers.list(local_actor(0)):
        providers.delete(local_actor(0), each.id)
    with served.services.db.write() as conn:
        for table in ("sessions", "role_grants", "users"):
            conn.execute(metadata.tables[table].delete())


def cookie(answer: httpx.Response, name: str) -> Any:
    """The cookie as the server set it."""
    for header in answer.headers.get_list("set-cookie"):
        found = SimpleCookie(header)
        if name in found:
            return found[name]
    return None


def test_from_the_button_to_the_session(site) -> None:
    """The state's cookie is Lax and the session's is Strict, so the way back ends on a page of ours that leads on."""
    provider = site.added()
    (offer,) = site.client.get("/api/v1/sso").json()["providers"]
    assert offer == {"id": provider["id"], "name": "Example", "start": f"/api/v1/sso/{provider['id']}/start"}
    gone = site.client.get(offer["start"])
    assert gone.status_code == 303
    kept = cookie(gone, "holdfast_sso")
    assert (kept["httponly"], kept["samesite"], kept["max-age"], kept["path"]) == (True, "lax", "600", "/")
    returned = site.client.get(site.back(gone.headers["location"]))
    assert returned.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/">' in returned.text
    assert "<script" not in returned.text
    assert returned.headers["referrer-policy"] == "no-referrer"
    assert returned.headers["cache-control"] == "no-store"
    session = cookie(returned, "holdfast_session")
    assert (session["httponly"], session["samesite"]) == (True, "strict")
    assert cookie(returned, "holdfast_sso").value == ""
    who = site.client.get("/api/v1/session").json()
    assert (who["display"], who["permissions"], who["stepped_up"]) == ("jane@example.org", [], False)


def test_behind_tls_both_cookies_are_host_only(site) -> None:
    provider = site.added()
    site.client.base_url = BASE.replace("http:", "https:")
    try:
        gone = site.client.get(f"/api/v1/sso/{provider['id']}/start")
        kept = cookie(gone, "__Host-holdfast_sso")
        assert (kept["secure"], kept["samesite"], kept["path"], kept["domain"]) == (True, "lax", "/", "")
        assert (
            f"redirect_uri=https%3A%2F%2F127.0.0.1%3A7700%2Fapi%2Fv1%2Fsso%2F{provider['id']}"
            in gone.headers["location"]
        )
        path = site.back(gone.headers["location"]).removeprefix("https://127.0.0.1:7700")
        returned = site.client.get(path)
        assert cookie(returned, "__Host-holdfast_session")["secure"] is True
    finally:
        site.client.base_url = BASE


def test_the_callback_without_its_cookie(site) -> None:
    """A browser that did not begin it gets a page that says so, a program the usual envelope; neither a session."""
    provider = site.added()
    gone = site.client.get(f"/api/v1/sso/{provider['id']}/start")
    path = site.back(gone.headers["location"])
    site.client.cookies.clear()
    page = site.client.get(path, headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "not begun in this browser" in page.text
    plain = site.client.get(path)
    assert (plain.status_code, plain.json()["error"]["code"]) == (401, "state_invalid")
    for answer in (page, plain):
        assert cookie(answer, "holdfast_session") is None


def test_nothing_of_the_provider_s_text_is_on_the_page(site) -> None:
    provider = site.added(name="<b>Example</b>")
    site.idp.wrong = {"error"}
    gone = site.client.get(f"/api/v1/sso/{provider['id']}/start")
    page = site.client.get(site.back(gone.headers["location"]), headers={"Accept": "text/html"})
    assert page.status_code == 401
    assert "access_denied" in page.text
    assert "alert(1)" not in page.text
    assert "<b>" not in page.text


def test_a_refused_person_sees_why(site) -> None:
    provider = site.added(create_accounts=False)
    gone = site.client.get(f"/api/v1/sso/{provider['id']}/start")
    page = site.client.get(site.back(gone.headers["location"]), headers={"Accept": "text/html"})
    assert page.status_code == 403
    assert "Nobody has let you in here yet." in page.text


def test_the_secret_is_sealed_and_never_shown(site) -> None:
    provider = site.added()
    assert provider["has_secret"] is True
    shown = [
        site.client.get("/api/v1/sso/providers", headers=site.key).text,
        site.client.get(f"/api/v1/sso/providers/{provider['id']}", headers=site.key).text,
        json.dumps(provider),
    ]
    with site.services.db.read() as conn:
        shown += [repr(list(conn.execute(sa.select(table)))) for table in metadata.sorted_tables]
    assert not any(SECRET in text for text in shown)
    assert provider["redirect_uri"] == f"{BASE}/api/v1/sso/{provider['id']}/callback"


def test_changing_needs_the_version_and_keeps_the_rest(site) -> None:
    provider = site.added()
    path = f"/api/v1/sso/providers/{provider['id']}"
    assert site.client.patch(path, json={"name": "x"}, headers=site.key).status_code == 428
    changed = site.client.patch(path, json={"name": "Other"}, headers={**site.key, "If-Match": '"v1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    differing = {name for name in provider if provider[name] != changed.json()[name]}
    assert differing == {"name", "version", "updated_at"}
    assert site.client.patch(path, json={"name": "x"}, headers={**site.key, "If-Match": '"v1"'}).status_code == 412
    for wrong in ({"issuer": "https://other.example"}, {"id": "x"}, {"scopes": ["email"]}, {"scopes": []}):
        answer = site.client.patch(path, json=wrong, headers={**site.key, "If-Match": '"v2"'})
        assert answer.status_code == 422, wrong


@pytest.mark.parametrize(
    "issuer", ["https://id.example.org?x=1", "https://id.example.org#x", "ftp://x", "id.example.org", "https://a b"]
)
def test_an_issuer_is_an_address_without_query_or_fragment(site, issuer) -> None:
    body = {"name": "x", "issuer": issuer, "client_id": "x"}
    assert site.client.post("/api/v1/sso/providers", json=body, headers=site.key).status_code == 422


def test_nobody_maps_a_group_to_more_than_they_hold(site) -> None:
    """Whoever manages providers but is no owner makes no owners by way of a group."""
    _, text = site.services.keys.create(
        local_actor(0), WantedKey("half", permissions=["sso.manage", "sso.read", "run.read"])
    )
    half = {"Authorization": f"Bearer {text}"}
    body = {"name": "x", "issuer": "https://id.example.org", "client_id": "x"}
    for role in ("owner", "viewer"):
        rules = [{"group": "g", "role": role}]
        answer = site.client.post("/api/v1/sso/providers", json={**body, "mapping": rules}, headers=half)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")
    private = site.client.post("/api/v1/sso/providers", json={**body, "allow_private": True}, headers=half)
    assert private.json()["error"]["details"] == {"permission": "system.admin"}
    provider = site.added(mapping=[{"group": "g", "role": "owner"}])
    path = f"/api/v1/sso/providers/{provider['id']}"
    kept = [{"group": "g", "role": "owner"}]
    match = {**half, "If-Match": '"v1"'}
    assert (
        site.client.patch(path, json={"mapping": [*kept, {"group": "h", "role": "owner"}]}, headers=match).status_code
        == 403
    )
    assert site.client.patch(path, json={"mapping": kept}, headers=match).status_code == 200
    unknown = site.client.patch(
        path, json={"mapping": [{"group": "g", "role": "no"}]}, headers={**site.key, "If-Match": '"v2"'}
    )
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (422, "role_unknown")
    nowhere = [{"group": "g", "role": "viewer", "project_id": "prj_" + "0" * 26}]
    answer = site.client.patch(path, json={"mapping": nowhere}, headers={**site.key, "If-Match": '"v2"'})
    assert answer.status_code == 404


def test_two_providers_of_one_name_or_issuer(site) -> None:
    site.added()
    for body, code in (
        ({"name": "Example", "issuer": "https://x.example"}, "name_taken"),
        ({"name": "y", "issuer": site.idp.issuer}, "issuer_taken"),
    ):
        answer = site.client.post("/api/v1/sso/providers", json={**body, "client_id": "x"}, headers=site.key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)


class _Inside(Client):
    """The command line's client, on the app in this process."""

    def __init__(self, client: TestClient) -> None:
        super().__init__(BASE)
        self._http = client


def test_the_command_line(site) -> None:
    """add, list, show, test, map, update, remove."""

    def run(*words: str, given: str = "", code: int = 0, as_json: bool = True) -> Any:
        terminal = Terminal(json=as_json, _client=_Inside(site.client))
        answer = CliRunner().invoke(command_line, ["sso", *words], obj=terminal, input=given)
        assert answer.exit_code == code, (answer.output, answer.exception)
        said = "\n".join(line for line in answer.stdout.splitlines() if not re.search(r"\[(info|warning) ", line))
        return json.loads(said) if as_json else said

    site.client.headers.update(site.key)
    try:
        words = (
            "Example",
            site.idp.issuer,
            "--client-id",
            CLIENT,
            "--secret-stdin",
            "--allow-private",
            "--create-accounts",
        )
        made = run("add", *words, "--domain", "example.org", given=SECRET + "\n")
        assert (made["allowed_domains"], made["create_accounts"], made["has_secret"]) == (["example.org"], True, True)
        assert [each["name"] for each in run("list")] == ["Example"]
        assert run("test", "Example")["ok"] is True
        run("map", "Example", "--group", "devs", "--role", "developer")
        mapped = run("map", "Example", "--group", "ops", "--role", "operator", "--in", "default")
        assert [rule["role"] for rule in mapped["mapping"]] == ["developer", "operator"]
        assert "devs -> developer in the whole installation" in run("show", "Example", as_json=False)
        assert [rule["group"] for rule in run("map", "Example", "--group", "devs", "--remove")["mapping"]] == ["ops"]
        changed = run("update", "Example", "--disable", "--domain", "any")
        assert (changed["enabled"], changed["allowed_domains"], changed["create_accounts"]) == (False, [], True)
        site.idp.wrong = {"no_keys"}
        assert "WRONG  keys" in run("test", "Example", code=1, as_json=False)
        run("remove", "Example", "--confirm", "Example")
        assert run("list") == []
    finally:
        site.client.headers.pop("Authorization", None)
