"""People from the command line, on the server itself: as root over admin.sock."""

from __future__ import annotations

import httpx
import pytest
from cli_kit import Holdfast, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli-server")]
PASSWORD, OTHER = "seventeen goats on a hill", "eighteen goats on a hill"


def url_of(holdfast: Holdfast) -> str:
    return str(holdfast("status", "--json").json["keeper"]["url"])


def join(holdfast: Holdfast, email: str, *options: str) -> str:
    """Invited here, accepted in a browser; the person's id."""
    ran = holdfast("user", "invite", email, *options, "--json")
    assert ran.code == 0, ran.err
    token = ran.json["link"].partition("#invite=")[2]
    url = url_of(holdfast)
    body = {"token": token, "name": "", "password": PASSWORD}
    answer = httpx.post(f"{url}/api/v1/invites/accept", json=body, headers={"Origin": url})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def sign_in(url: str, email: str, password: str) -> int:
    body = {"email": email, "password": password}
    return httpx.post(f"{url}/api/v1/session", json=body, headers={"Origin": url}).status_code


def test_invite_show_change_and_delete(holdfast: Holdfast) -> None:
    assert holdfast("project", "create", "harbour").code == 0
    ada = join(holdfast, "ada@example.org", "--grant", "developer@harbour", "--grant", "operator@harbour/production")
    assert "ada@example.org" in holdfast("user", "list").out
    assert holdfast("user", "rename", "ada@example.org", "Ada Lovelace").code == 0
    assert holdfast("user", "role", "ADA@example.org", "viewer").code == 0
    shown = holdfast("user", "show", "ada@example.org")
    assert {"Ada Lovelace", ada, "viewer", "active"} <= {line.split(":", 1)[1].strip() for line in shown.out.split("\n") if ":" in line}  # fmt: skip # noqa: E501
    assert holdfast("user", "disable", "ada@example.org").code == 2, "nobody is shut out without being named twice"
    assert holdfast("user", "disable", "ada@example.org", "--confirm", "ada@example.org").code == 0
    assert holdfast("user", "show", ada, "--json").json["disabled_at"]
    assert holdfast("user", "enable", "ada@example.org").code == 0
    wrong = holdfast("user", "delete", "ada@example.org", "--confirm", "eve@example.org")
    assert wrong.code == 2
    assert "nothing was done" in wrong.err
    gone = holdfast("user", "delete", "ada@example.org", "--confirm", "ada@example.org")
    assert gone.code == 0
    assert ada in gone.out
    assert holdfast("user", "show", "ada@example.org").code == 3
    assert "deleted" in holdfast("user", "show", ada).out
    assert ada in holdfast("user", "list", "--deleted").out
    assert ada not in holdfast("user", "list", "--json").out


def test_invites_are_shown_once_listed_and_revoked(holdfast: Holdfast) -> None:
    made = holdfast("user", "invite", "bob@example.org", "--url", "https://db.example.org")
    assert made.code == 0, made.err
    assert made.out.startswith("https://db.example.org/#invite=")
    assert "only time" in made.err
    token = made.out.strip().partition("=")[2]
    listed = holdfast("user", "invites")
    assert "bob@example.org" in listed.out
    assert token not in listed.out
    assert holdfast("user", "revoke-invite", "Bob@example.org").code == 0
    assert "bob@example.org" not in holdfast("user", "invites").out
    assert "bob@example.org" in holdfast("user", "invites", "--all").out
    assert holdfast("user", "revoke-invite", "bob@example.org").code == 3
    assert holdfast("user", "invite", "no address").code == 1
    assert holdfast("user", "invite", "x@example.org", "--grant", "viewer").code == 2
    assert holdfast("user", "invite", "x@example.org", "--grant", "viewer@nowhere").code == 3
    assert holdfast("user", "invite", "x@example.org", "--role", "emperor").code == 1


def test_a_locked_out_owner_comes_back_on_the_server(holdfast: Holdfast) -> None:
    """Wrong passwords until the account waits; then the reset that only this machine can give without signing in."""
    url, email = url_of(holdfast), "locked@example.org"
    join(holdfast, email, "--role", "owner")
    said = [sign_in(url, email, "wrong") for _ in range(7)]
    assert said[-1] == 429
    assert sign_in(url, email, PASSWORD) == 429
    made = holdfast("user", "reset", email, "--confirm", email)
    assert made.code == 0, made.err
    link = made.out.strip()
    assert link.startswith(f"{url}/#reset=")
    assert "no password" in holdfast("user", "show", email).out
    body = {"token": link.partition("=")[2], "password": OTHER}
    answer = httpx.post(f"{url}/api/v1/session/reset", json=body, headers={"Origin": url})
    assert answer.status_code == 204, answer.text
    assert "active" in holdfast("user", "show", email).out
    last = holdfast("user", "delete", email, "--confirm", email, "--json")
    assert (last.code, last.error["code"]) == (5, "last_owner")


def test_sessions_of_someone_and_of_nobody(holdfast: Holdfast, server: dict[str, str]) -> None:
    email = "roams@example.org"
    user_id = join(holdfast, email)
    listed = holdfast("session", "list", "--user", email, "--json").json
    assert len(listed) == 1
    assert "python-httpx" in listed[0]["user_agent"]
    assert holdfast("session", "list", "--user", user_id).out.count("ses_") == 1
    assert holdfast("session", "revoke", "--user", email).out.strip() == f"Ended 1 sessions of {email}."
    assert "signed in nowhere" in holdfast("session", "list", "--user", email).out
    assert "You have no sessions" in holdfast("session", "list").out
    assert holdfast("session", "revoke").code == 2
    assert holdfast("session", "revoke", "--others").code == 5
    assert holdfast("session", "revoke", "ses_00000000000000000000000000").code == 3
    assert holdfast("session", "list", "--user", "nobody@example.org").code == 3
    remote = {name: value for name, value in server.items() if not name.startswith("HOLDFAST_")}
    key = holdfast("key", "create", "limited", "--role", "viewer").out.strip()
    remote |= {"HOLDFAST_URL": url_of(holdfast), "HOLDFAST_API_KEY": key}
    assert run(remote, "user", "list").code == 4
