"""From nothing to a project, by every kind of credential."""

from __future__ import annotations

import socket

import pytest

pytestmark = pytest.mark.xdist_group("http-thin")


def test_first_run_link_works_once_and_signs_in(api) -> None:
    """The link makes the owner; afterwards it is dead and no other is made."""
    admin = api.admin()
    token = admin.post("/api/v1/session/first-run/link").json()["link"].partition("#token=")[2]
    body = {"token": token, "email": "owner@example.org", "password": "correct horse battery staple"}
    client = api.anonymous()
    wrong = client.post("/api/v1/session/first-run", json=body | {"token": "x" * 43})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "link_invalid")
    made = client.post("/api/v1/session/first-run", json=body)
    assert made.status_code == 201
    cookie = made.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/api/v1/session").json()["display"] == "owner@example.org"
    again = client.post("/api/v1/session/first-run", json=body)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "owner_exists")
    assert admin.post("/api/v1/session/first-run/link").json() == {"link": None}


def test_projects_by_cookie_key_and_socket(api) -> None:
    browser, key, admin = api.browser(), api.key(), api.admin()
    made = browser.post("/api/v1/projects", json={"name": "shop"})
    assert made.status_code == 201, made.text
    where = f"/api/v1/projects/{made.json()['id']}"
    for client in (browser, key, admin):
        assert client.get(where).json() == made.json()
    assert admin.get("/api/v1/session").json()["kind"] == "local"
    kinds = [item["kind"] for item in key.get(where + "/environments").json()["items"]]
    assert kinds == ["development", "staging", "production"]
    assert admin.request("DELETE", where, json={"confirm": "shop"}).status_code == 204
    assert browser.get(where).status_code == 404


def test_a_plain_tcp_client_cannot_claim_to_be_local(api) -> None:
    """The peer's uid comes from the kernel; nothing a client sends makes it up, and loopback is nobody."""
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(
            f"GET /api/v1/session HTTP/1.1\r\nHost: {host}:{port}\r\nholdfast.peer_uid: 0\r\n"
            "X-Forwarded-For: 127.0.0.1\r\nX-Real-Ip: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        )
        with line.makefile("rb") as answer:
            assert answer.read().split()[1] == b"401"
