"""Signing in with a second factor over HTTP: what is asked for, which cookie counts, and what a rule shuts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest
from authenticator import Authenticator
from inside import Inside, inside

HOST = "http://localhost:7700"
PERSON = {"email": "owner@example.org", "password": "correct horse battery staple"}
PLAIN = {"Host": "localhost:7700", "Origin": HOST}


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


def test_from_the_password_to_a_passkey(here) -> None:
    """One person's way through every route: app, code, step-up, passkey, rule."""
    client, cookie = here.client, {"token": ""}

    def ask(method: str, path: str, body: Any = None) -> Any:
        """As a browser at localhost: the cookie it was given last, and nothing else."""
        client.cookies.clear()
        headers = PLAIN | ({"Cookie": f"holdfast_session={cookie['token']}"} if cookie["token"] else {})
        answer = client.request(method, f"/api/v1{path}", json=body, headers=headers)
        if found := answer.cookies.get("holdfast_session"):
            cookie["token"] = found
        return answer

    link = here.services.access.first_run_link()
    assert link is not None
    assert ask("POST", "/session/first-run", {"token": link.partition("=")[2], **PERSON}).status_code == 201
    assert ask("PUT", "/system/second-factor", {"everyone": True}).json() == {"everyone": True, "roles": []}
    shut = ask("GET", "/projects")
    assert (shut.status_code, shut.json()["error"]["code"]) == (403, "second_factor_enrolment_required")
    assert ask("GET", "/session").json()["must_enrol"] is True
    app = pyotp.TOTP(ask("POST", "/account/totp").json()["secret"])
    confirmed = ask("POST", "/account/totp/confirm", {"code": app.at(datetime.now(UTC))})
    assert len(confirmed.json()["recovery_codes"]) == 10
    assert ask("GET", "/projects").status_code == 200

    missing = ask("POST", "/session", PERSON)
    assert (missing.status_code, missing.json()["error"]["code"]) == (401, "second_factor_required")
    assert "set-cookie" not in missing.headers
    codes = confirmed.json()["recovery_codes"]
    signed = ask("POST", "/session", PERSON | {"code": codes[0]})
    assert signed.status_code == 201, signed.text
    before = cookie["token"]
    again = ask("POST", "/session/step-up", {"password": PERSON["password"], "code": codes[1]})
    assert again.status_code == 200, again.text
    assert cookie["token"] != before
    after, cookie["token"] = cookie["token"], before
    assert ask("GET", "/session").status_code == 401
    cookie["token"] = after
    assert ask("GET", "/account/factors").json()["recovery_codes_left"] == 8

    device = Authenticator(HOST)
    made = ask("POST", "/account/passkeys/options").json()
    body = {"flow": made["flow"], "name": "laptop", "credential": device.create(made["options"])}
    assert ask("POST", "/account/passkeys", body).json()["passkey"]["rp_id"] == "localhost"
    cookie["token"] = ""
    made = ask("POST", "/session/passkey/options").json()
    alone = ask("POST", "/session/passkey", {"flow": made["flow"], "credential": device.get(made["options"])})
    assert alone.status_code == 201, alone.text
    assert alone.json()["display"] == PERSON["email"]
    tokens = ask("POST", "/tokens", PERSON | {"code": codes[2]})
    assert tokens.status_code == 201, tokens.text
    assert ask("POST", "/tokens", PERSON).json()["error"]["code"] == "second_factor_required"
    by_address = client.post("/api/v1/session/passkey/options", headers={"Host": "127.0.0.1:7700"})
    assert by_address.json()["error"]["code"] == "passkeys_need_name"


def test_keys_and_the_socket_have_no_factors(here) -> None:
    refused = here.client.get("/api/v1/account/factors", headers=here.key())
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_a_person")
