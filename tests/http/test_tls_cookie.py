"""Behind TLS the cookie carries the `__Host-` prefix, and only that one counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from inside import Inside, inside
from starlette.testclient import TestClient

PERSON = {"email": "owner@example.org", "password": "correct horse battery"}


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


@pytest.fixture(scope="module")
def first(here: Inside) -> str:
    """The Set-Cookie of the owner's first sign-in, over TLS."""
    link = here.services.access.first_run_link()
    assert link is not None
    token = link.partition("#token=")[2]
    made = client(here, "https").post("/api/v1/session/first-run", json={"token": token, **PERSON})
    assert made.status_code == 201, made.text
    return made.headers["set-cookie"]


def client(here: Inside, scheme: str) -> TestClient:
    origin = f"{scheme}://127.0.0.1:7700"
    return TestClient(here.client.app, base_url=origin, headers={"Origin": origin})


def test_with_and_without_tls(here, first) -> None:
    secure, plain = client(here, "https"), client(here, "http")
    assert secure.post("/api/v1/session", json=PERSON).status_code == 201
    name, *attributes = (part.strip().lower() for part in first.split(";"))
    assert name.startswith("__host-holdfast_session=")
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= set(attributes)
    assert not any(part.startswith("domain") for part in attributes)
    assert secure.get("/api/v1/session").status_code == 200

    set_plain = plain.post("/api/v1/session", json=PERSON).headers["set-cookie"]
    assert set_plain.startswith("holdfast_session=")
    assert "secure" not in set_plain.lower().split("; ")
    value = set_plain.split(";")[0].partition("=")[2]
    for scheme, cookie, status in [
        ("http", f"holdfast_session={value}", 200),
        ("https", f"holdfast_session={value}", 401),  # any page of the host could have set it
        ("https", f"__Host-holdfast_session={value}", 200),
        ("http", f"__Host-holdfast_session={value}", 401),
    ]:
        answer = client(here, scheme).get("/api/v1/session", headers={"Cookie": cookie})
        assert answer.status_code == status, (scheme, cookie.split("=")[0])


@pytest.mark.usefixtures("first")
def test_signing_out_clears_the_one_that_was_set(here) -> None:
    """The attributes are the same: a browser keeps a `__Host-` cookie that is cleared without Secure."""
    browser = client(here, "https")
    assert browser.post("/api/v1/session", json=PERSON).status_code == 201
    answer = browser.delete("/api/v1/session")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    cleared = answer.headers["set-cookie"].lower()
    assert cleared.startswith('__host-holdfast_session=""')
    assert {"secure", "httponly", "path=/"} <= {part.strip() for part in cleared.split(";")}
    assert browser.get("/api/v1/session").status_code == 401


def test_the_pages_run_no_script_of_the_page_itself(here) -> None:
    """What the policy refuses is not in them: no inline script, no style, no address elsewhere."""
    browser = client(here, "http")
    for path, headers in (("/plain", {}), ("/api/docs", here.key())):
        answer = browser.get(path, headers=headers)
        assert answer.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        text = answer.text
        assert "<style" not in text
        assert "style=" not in text
        assert "http:" not in text
        assert "https:" not in text
        assert text.count("<script") == text.count("<script src=")
    for name, kind in {"page.css": "text/css", "sign-in.js": "text/javascript", "icon.svg": "image/svg+xml"}.items():
        assert browser.get(f"/assets/{name}").headers["content-type"].startswith(kind)
    assert browser.get("/assets/docs.js").status_code == 404
    assert browser.get("/assets/..%2f..%2ferrors.py").status_code == 404
