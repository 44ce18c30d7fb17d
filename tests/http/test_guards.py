"""What every request passes, on a real server: Host, Origin, size, errors, and what denials leave behind."""

from __future__ import annotations

import httpx
import pytest

pytestmark = pytest.mark.xdist_group("http-guards")

CANARY = "canary-5d0c9b7e1f-never-in-a-log"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost", "127.0.0.1:1", "localhost:{port}.x"]
)
def test_a_foreign_host_is_refused(api, host) -> None:
    """Also without a port or with another one: a rebinding page sends its own name, or a port of its own."""
    port = api.url.rpartition(":")[2]
    answer = api.anonymous().get("/health/live", headers={"Host": host.format(port=port)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "host_not_allowed")


def test_own_names_are_served(api) -> None:
    port = api.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        assert api.anonymous().get("/health/live", headers={"Host": f"{host}:{port}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_cookie_from_elsewhere_changes_nothing(api, headers) -> None:
    cookies = dict(api.browser().cookies)
    before = len(api.admin().get("/api/v1/projects").json()["items"])
    with httpx.Client(base_url=api.url, cookies=cookies, headers=headers) as client:
        answer = client.post("/api/v1/projects", json={"name": "csrf"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused")
        assert client.get("/api/v1/session").status_code == 200
    assert len(api.admin().get("/api/v1/projects").json()["items"]) == before


def test_same_origin_fetch_metadata_is_enough(api) -> None:
    cookies = dict(api.browser().cookies)
    with httpx.Client(base_url=api.url, cookies=cookies, headers={"Sec-Fetch-Site": "same-origin"}) as client:
        assert (
            client.post("/api/v1/session/step-up", json={"password": "correct horse battery staple"}).status_code == 200
        )


def test_bodies_are_limited_declared_or_not(api) -> None:
    def endless():
        for _ in range(12):
            yield b" " * 1024 * 1024

    client = api.key()
    for content in (b" " * (10 * 1024 * 1024 + 1), endless()):
        answer = client.post("/api/v1/projects", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_errors_have_one_shape_and_echo_no_value(api) -> None:
    client = api.anonymous()
    answers = {
        404: client.get("/api/v1/nothing"),
        405: client.put("/api/v1/session"),
        401: client.get("/api/v1/projects"),
        422: client.post("/api/v1/session", json={"email": "a@b", "password": [CANARY]}),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"code", "message", "hint", "details", "retryable"}
        assert CANARY not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-request-id"].startswith("req_")
    assert answers[422].json()["error"]["details"]["fields"][0]["field"] == "body.password"


def test_weaker_and_limited_keys(api) -> None:
    """403 names the permission; a foreign project is as absent as one that never was."""
    mine = api.admin().post("/api/v1/projects", json={"name": "mine"}).json()["id"]
    other = api.admin().post("/api/v1/projects", json={"name": "other"}).json()["id"]
    answer = api.key(role="viewer").post("/api/v1/projects", json={"name": "x"})
    assert answer.status_code == 403
    assert answer.json()["error"]["details"] == {"permission": "project.create"}
    limited = api.key(role="owner", projects=[mine])
    assert [item["id"] for item in limited.get("/api/v1/projects").json()["items"]] == [mine]
    absent = "prj_" + "0" * 26
    for method, path, body in [
        ("GET", "", None),
        ("GET", "/environments", None),
        ("PATCH", "", {"name": "z"}),
        ("DELETE", "", {"confirm": "other"}),
        ("POST", "/environments", {"name": "z"}),
    ]:
        seen = [
            limited.request(method, f"/api/v1/projects/{who}{path}", json=body, headers={"If-Match": '"v1"'})
            for who in (other, absent)
        ]
        assert [answer.status_code for answer in seen] == [404, 404]
        assert seen[0].json() == seen[1].json()


def test_idempotency_and_etags(api) -> None:
    client = api.key()
    once = {"Idempotency-Key": "one"}
    first = client.post("/api/v1/projects", json={"name": "once"}, headers=once)
    again = client.post("/api/v1/projects", json={"name": "once"}, headers=once)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = client.post("/api/v1/projects", json={"name": "twice"}, headers=once)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    where = f"/api/v1/projects/{first.json()['id']}"
    assert client.patch(where, json={"name": "n"}).status_code == 428
    changed = client.patch(where, json={"name": "n"}, headers={"If-Match": first.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    assert client.patch(where, json={"name": "m"}, headers={"If-Match": '"v1"'}).status_code == 412


def test_pages_walk_the_whole_list_once(api) -> None:
    client = api.admin()
    for number in range(5):
        assert client.post("/api/v1/projects", json={"name": f"page {number}"}).status_code == 201
    everything = [item["id"] for item in client.get("/api/v1/projects?limit=200").json()["items"]]
    walked, cursor = [], ""
    while cursor is not None:
        answer = client.get("/api/v1/projects", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        walked += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
    assert walked == everything
    assert client.get("/api/v1/projects?cursor=bm90IG91cnM").status_code == 422
    assert client.get("/api/v1/projects?limit=0").status_code == 422


def test_docs_and_health_need_a_credential(api) -> None:
    stranger, owner = api.anonymous(), api.key()
    for path in ("/api/docs", "/api/openapi.json", "/api/docs/swagger-ui-bundle.js", "/health", "/health/ready"):
        assert stranger.get(path).status_code == 401
        assert owner.get(path).status_code == 200, path
    assert owner.get("/api/docs/..%2f__init__.py").status_code == 404
    schema = owner.get("/api/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    health = owner.get("/health").json()
    assert set(health) == {"status", "timestamp", "services"}
    assert health["services"]["db"]["status"] == "ok"
    assert "http" not in stranger.get("/").text.replace("https://", "http://").split("<body>")[0]


def test_wrong_passwords_slow_down_and_leave_no_trace(api) -> None:
    """Known and unknown accounts answer alike; nothing typed is in the log."""
    api.browser()
    client = api.anonymous()
    answers = [
        client.post("/api/v1/session", json={"email": "nobody-5d0c@x.org", "password": CANARY}) for _ in range(7)
    ]
    assert [answer.status_code for answer in answers][:5] == [401] * 5
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    key = api.key(permissions=["project.read"])
    assert key.get("/api/v1/projects").status_code == 200
    assert CANARY not in api.log.read_text()
    assert "nobody-5d0c" not in api.log.read_text()
    assert key.headers["authorization"].removeprefix("Bearer ") not in api.log.read_text()


def test_a_key_cannot_outgrow_its_maker_and_ends_at_once(api) -> None:
    maker = api.key(permissions=["key.create", "key.read", "key.revoke", "run.read"])
    refused = maker.post("/api/v1/keys", json={"name": "more", "permissions": ["database.delete"]})
    assert refused.json()["error"]["details"] == {"permission": "database.delete"}
    made = maker.post("/api/v1/keys", json={"name": "less", "permissions": ["run.read"]}).json()
    bearer = {"Authorization": f"Bearer {made['key']}"}
    assert httpx.get(api.url + "/api/v1/session", headers=bearer).json()["permissions"] == ["run.read"]
    assert made["key"] not in maker.get("/api/v1/keys").text
    assert maker.delete(f"/api/v1/keys/{made['id']}").status_code == 200
    assert httpx.get(api.url + "/api/v1/session", headers=bearer).status_code == 401
