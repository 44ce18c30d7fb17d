"""Roles, grants and keys as a user types them, against a Holdfast of one's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli_kit import Holdfast

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli-server")]


def told(holdfast: Holdfast, *line: str) -> Any:
    ran = holdfast("--json", *line)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_a_role_is_made_given_and_taken(holdfast: Holdfast) -> None:
    project = told(holdfast, "project", "create", "roles")
    made = told(holdfast, "role", "create", "restorer", "--from", "operator", "--permission", "snapshot.restore")
    assert "snapshot.restore" in made["permissions"]
    changed = told(holdfast, "role", "update", "restorer", "--without", "run.cancel", "--description", "restores")
    assert set(made["permissions"]) - set(changed["permissions"]) == {"run.cancel"}
    shown = holdfast("role", "show", "restorer").out
    assert "Restore a snapshot." in shown
    assert "run.cancel" not in shown
    assert holdfast("role", "update", "restorer").code == 2
    assert holdfast("role", "show", "nobody").code == 3
    assert holdfast("role", "update", "viewer", "--permission", "run.cancel").code == 5
    assert holdfast("grant", "add", "ada@example.org", "restorer").code == 2, "a place has to be said"
    ran = holdfast("grant", "add", "nobody@example.org", "restorer", "--project", "roles")
    assert (ran.code, "there is no such user" in ran.err) == (3, True)
    link = told(holdfast, "user", "invite", "ada@example.org")["link"]
    accepted(holdfast, link)
    given = told(holdfast, "grant", "add", "ada@example.org", "restorer", "--project", "roles", "--env", "staging")
    assert given["project_id"] == project["id"]
    assert [each["id"] for each in told(holdfast, "grant", "list", "--user", "ada@example.org")] == [given["id"]]
    members = holdfast("project", "members", "roles").out
    assert "ada@example.org" in members
    assert holdfast("role", "delete", "restorer").code == 5
    assert holdfast("grant", "remove", given["id"]).code == 0
    assert holdfast("role", "delete", "restorer").code == 0
    assert "No grants here" in holdfast("grant", "list", "--project", "roles").out


def accepted(holdfast: Holdfast, link: str) -> None:
    """What the sign-in page does with an invite's link."""
    import httpx

    base, _, token = link.partition("/#")
    answer = httpx.post(
        f"{base}/api/v1/invites/accept",
        json={"token": token.partition("=")[2], "password": "correct horse battery staple"},
        headers={"Origin": base},
    )
    assert answer.status_code < 300, answer.text


def test_a_key_for_one_environment_is_rotated(holdfast: Holdfast) -> None:
    told(holdfast, "project", "create", "keys")
    made = told(holdfast, "key", "create", "deploy", "--role", "viewer", "--project", "keys", "--env", "staging")
    assert (made["projects"], len(made["environments"])) == ([], 1)
    whole = told(holdfast, "key", "create", "wide", "--permission", "run.read", "--project", "keys")
    assert len(whole["projects"]) == 1
    rotated = told(holdfast, "key", "rotate", "deploy", "--overlap-hours", "1")
    assert rotated["id"] == made["id"]
    assert rotated["key"] != made["key"]
    shown = holdfast("key", "show", "deploy").out
    for secret in (made, rotated):
        assert f"hf_{secret['prefix']}_..." in shown
        assert secret["key"] not in shown
    assert made["environments"][0] in shown
    listed = holdfast("key", "list").out
    assert "1 permission" in listed
    assert "viewer" in listed
    assert holdfast("key", "rotate", "nothing").code == 3
    assert holdfast("key", "revoke", "deploy").code == 0
    assert holdfast("key", "rotate", made["id"]).code == 5
