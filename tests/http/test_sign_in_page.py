"""Signing in through the page, in a real browser: password, code, passkey, and the way to a provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from chromium import Page, chromium
from served import EMAIL, PASSWORD, Api

pytestmark = pytest.mark.slow


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with chromium(tmp_path / "browser") as opened:
        yield opened


def _home(api: Api) -> str:
    """A passkey belongs to a name: an address has none."""
    return api.url.replace("127.0.0.1", "localhost") + "/plain"


def _sign_in(page: Page, api: Api) -> None:
    page.go(_home(api))
    page.type("input[name=email]", EMAIL)
    page.type("input[name=password]", PASSWORD)
    page.click("form button")


def _in(page: Page) -> bool:
    return bool(page.until("document.getElementById('done').checkVisibility()"))


def test_the_first_link_makes_the_owner_and_leaves_the_address_bar(own_api: Api, page: Page) -> None:
    link = own_api.admin().post("/api/v1/session/first-run/link").json()["link"]
    page.go(_home(own_api) + "#" + link.partition("#")[2])
    page.until("location.hash === ''")
    page.type("input[name=email]", EMAIL)
    page.type("input[name=password]", PASSWORD)
    page.click("form button")
    assert _in(page)
    assert page.run("document.cookie") == ""
    assert page.errors == []


def test_a_wrong_password_is_said_and_the_right_one_still_works(own_api: Api, page: Page) -> None:
    own_api.browser()
    page.go(_home(own_api))
    page.type("input[name=email]", EMAIL)
    page.type("input[name=password]", "not the password at all")
    page.click("form button")
    page.until("document.getElementById('said').innerText.length > 5")
    page.type("input[name=password]", PASSWORD)
    page.click("form button")
    assert _in(page)


def test_a_code_is_asked_for_and_signs_in(own_api: Api, page: Page) -> None:
    owner = own_api.browser()
    secret = owner.post("/api/v1/account/totp").json()["secret"]
    codes = owner.post("/api/v1/account/totp/confirm", json={"code": pyotp.TOTP(secret).now()}).json()["recovery_codes"]
    _sign_in(page, own_api)
    page.until("!document.querySelector('input[name=code]').disabled")
    assert page.shown("input[name=code]")
    page.type("input[name=code]", "000000")
    page.click("form button")
    page.until(
        "document.getElementById('said').innerText.length > 5 && !document.querySelector('form button').disabled"
    )
    assert not page.shown("#done")
    page.type("input[name=code]", codes[0])
    page.click("form button")
    assert _in(page)


def test_a_passkey_signs_in_without_a_code(own_api: Api, page: Page) -> None:
    """Made in the page by the real ceremony, and offered by the server at the next sign-in."""
    own_api.browser()
    page.authenticator()
    _sign_in(page, own_api)
    assert _in(page)
    made = page.run(
        """(async () => {
          const post = async (path, body) => (await fetch("/api/v1/account/" + path, {
            method: "POST", headers: { "content-type": "application/json" },
            body: JSON.stringify(body || {}) })).json();
          const begun = await post("passkeys/options");
          const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(begun.options);
          const credential = (await navigator.credentials.create({ publicKey })).toJSON();
          return await post("passkeys", { flow: begun.flow, name: "laptop", credential });
        })()"""
    )
    assert made["passkey"]["rp_id"] == "localhost", made
    page.click("#leave")
    page.until("!document.getElementById('done').checkVisibility() && document.readyState === 'complete'")
    _sign_in(page, own_api)
    assert _in(page)
    assert page.run("document.querySelector('input[name=password]').value") == ""


def test_providers_are_offered_as_text(own_api: Api, page: Page) -> None:
    owner = own_api.browser()
    wanted = {
        "name": "<b>Example</b>",
        "issuer": "https://id.example.org",
        "client_id": "holdfast",
        "client_secret": "s" * 20,
    }
    made = owner.post("/api/v1/sso/providers", json=wanted)
    assert made.status_code == 201, made.text
    page.go(_home(own_api))
    page.until("document.querySelector('#elsewhere a')?.checkVisibility()")
    assert page.run("document.querySelector('#elsewhere a').innerText") == "Sign in with <b>Example</b>"
    assert page.run("new URL(document.querySelector('#elsewhere a').href).pathname").startswith("/api/v1/sso/")
