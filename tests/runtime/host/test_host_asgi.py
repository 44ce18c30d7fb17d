"""What an ASGI application is told of a request's address."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.runtime.python.workers.asgi import make_scope

TAIL = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="[]"), max_size=20)


@pytest.mark.parametrize(
    ("url", "scheme", "path", "query", "server"),
    [
        ("http://shop.example", "http", "/", b"", ("shop.example", 80)),
        ("https://shop.example?a=/b", "https", "/", b"a=/b", ("shop.example", 443)),
        ("http://shop.example:8080/a%20b?x=%20#top", "http", "/a b", b"x=%20", ("shop.example", 8080)),
        ("https://[::1]:8443//two?c?d", "https", "//two", b"c?d", ("::1", 8443)),
    ],
)
def test_a_scope_names_the_address(url: str, scheme: str, path: str, query: bytes, server: tuple[str, int]) -> None:
    scope = make_scope("http", "GET", url, [], None)
    assert (scope["scheme"], scope["path"], scope["query_string"], scope["server"]) == (scheme, path, query, server)
    assert make_scope("websocket", "GET", url, [], None)["scheme"] == {"http": "ws", "https": "wss"}[scheme]


@given(st.sampled_from(["http://a", "https://b.example:444"]), TAIL)
def test_it_says_what_the_standard_library_says_of_the_url(origin: str, tail: str) -> None:
    url = f"{origin}/{tail}"
    scope, parts = make_scope("http", "GET", url, [], None), urlsplit(url)
    assert scope["raw_path"] == parts.path.encode()
    assert (scope["path"], scope["query_string"]) == (unquote(parts.path), parts.query.encode())
    assert scope["server"] == (parts.hostname, parts.port or 80)
