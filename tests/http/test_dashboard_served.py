"""The dashboard on a real server, over a socket: its files, the page behind deep links, and what stays an error."""

from __future__ import annotations

import gzip
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import Api, start_api, stop_api

PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
INDEX = b'<!doctype html><title>built</title><script type="module" src="/assets/index-AbCd1234.js"></script>'
SCRIPT = b"document.title = 'ran';" * 50
SECRET = b"nobody-may-read-this"


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="hf-api-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def site(base: Path) -> Iterator[Api]:
    """A server with a build of the test's own."""
    root = base / "built"
    (root / "assets").mkdir(parents=True)
    (base / "secret.txt").write_bytes(SECRET)
    (root / "index.html").write_bytes(INDEX)
    (root / "robots.txt").write_bytes(b"User-agent: *\nDisallow: /\n")
    (root / "assets" / "index-AbCd1234.js").write_bytes(SCRIPT)
    (root / "assets" / "index-AbCd1234.js.gz").write_bytes(gzip.compress(SCRIPT))
    yield from _run(base, root)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Api]:
    """A server without a build."""
    base = Path(tempfile.mkdtemp(prefix="hf-api-"))
    yield from _run(base, tmp_path)
    shutil.rmtree(base)


def _run(base: Path, root: Path) -> Iterator[Api]:
    running = start_api(base, {"HOLDFAST_UI": str(root)})
    try:
        yield running
    finally:
        assert stop_api(running) == 0, running.log.read_text()


def say(site: Api, target: str, *lines: str) -> bytes:
    """The answer to a request line as written, which no client library would send."""
    host, _, port = site.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        head = [
            f"GET {target} HTTP/1.1",
            f"Host: {host}:{port}",
            f"Accept: {PAGE}",
            "Connection: close",
            *lines,
            "",
            "",
        ]
        line.sendall("\r\n".join(head).encode("latin-1"))
        heard = b""
        while more := line.recv(65536):
            heard += more
    return heard


@pytest.mark.parametrize("path", ["/", "/databases/db_1/tables/a%22b'%3B%20--", "/databases/1.2.3", "/settings?tab=x"])
def test_a_browser_gets_the_page_at_every_deep_link(site: Api, path: str) -> None:
    client = site.anonymous()
    answer = client.get(path, headers={"Accept": PAGE, "Sec-Fetch-Dest": "document"})
    assert (answer.status_code, answer.content) == (200, INDEX)
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy.replace("style-src 'self' 'unsafe-inline'", "")
    assert "http" not in policy
    head = client.head(path, headers={"Accept": PAGE})
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", answer.headers["etag"])
    assert head.headers["content-length"] == str(len(INDEX))
    again = client.get(path, headers={"Accept": PAGE, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == policy


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/api/v1/nothing", {"Accept": PAGE}, 404),
        ("GET", "/api", {"Accept": PAGE}, 404),
        ("GET", "/assets/nothing-AbCd1234.js", {"Accept": PAGE}, 404),
        ("GET", "/assets/deep/nothing.js", {"Accept": PAGE}, 404),
        ("GET", "/health/nothing", {"Accept": PAGE}, 404),
        ("GET", "/.env", {"Accept": PAGE}, 404),
        ("GET", "/.well-known/nothing", {"Accept": PAGE}, 404),
        ("GET", "/databases/x", {"Accept": "application/json"}, 404),
        ("GET", "/databases/x", {"Accept": "*/*"}, 404),
        ("GET", "/databases/x", {"Accept": PAGE, "Sec-Fetch-Dest": "script"}, 404),
        ("GET", "/databases/x", {"Accept": PAGE, "Sec-Fetch-Dest": "iframe"}, 404),
        ("POST", "/databases/x", {"Accept": PAGE}, 404),
        ("DELETE", "/", {"Accept": PAGE}, 405),
        ("PUT", "/api/v1/session", {"Accept": PAGE}, 405),
    ],
)
def test_what_is_no_page_stays_an_error_in_json(site: Api, method, path, headers, status) -> None:
    answer = site.anonymous().request(method, path, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert policy.endswith("; sandbox")


def test_a_file_is_kept_for_ever_and_packed_as_the_client_takes_it(site: Api) -> None:
    client = site.anonymous()
    path = "/assets/index-AbCd1234.js"
    packed = client.get(path, headers={"Accept-Encoding": "gzip, br"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.content == plain.content == SCRIPT
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    for answer in (packed, plain):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert client.get("/robots.txt").headers["cache-control"] == "no-cache"


_STEP = st.sampled_from(
    ["..", "%2e%2e", ".%2e", "%2e.", "..%2f", "..%5c", "%00", "assets", "secret.txt", "built", "", "x"]
)


@given(steps=st.lists(_STEP, min_size=1, max_size=7))
@settings(max_examples=60, deadline=None)
def test_no_address_leaves_the_build(site: Api, steps: list[str]) -> None:
    """Raw, as no client library would send it: a page, a file of the build or an error, never a file beside it."""
    for front in ("/", "/assets/"):
        heard = say(site, front + "/".join(steps))
        assert heard.split()[1] in (b"200", b"404", b"400"), heard
        assert SECRET not in heard
        if heard.split()[1] == b"200":
            assert heard.endswith(INDEX)


def test_the_plain_page_is_there_beside_the_dashboard(site: Api) -> None:
    answer = site.anonymous().get("/plain")
    assert b'name="password"' in answer.content
    assert b"was not built" not in answer.content
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_without_a_build_the_plain_page_says_so(bare: Api) -> None:
    client = bare.anonymous()
    for path in ("/", "/databases/x"):
        answer = client.get(path, headers={"Accept": PAGE})
        assert answer.status_code == 200
        assert b"was not built" in answer.content
        assert b"make ui" in answer.content
        assert answer.headers["cache-control"] == "no-store"
        assert "unsafe" not in answer.headers["content-security-policy"]
    assert client.get("/assets/page.css").status_code == 200
    assert client.get("/assets/index-AbCd1234.js").status_code == 404
