"""Headers, forms, URLs and bodies: what goes in comes out, and nothing breaks the framing."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.runtime.python.workers import (
    URL,
    Blob,
    BodyUsedError,
    File,
    FormData,
    Headers,
    Request,
    Response,
    URLSearchParams,
)
from holdfast.runtime.python.workers.forms import encode_multipart, encode_urlencoded, parse_form

TOKEN = st.text("!#$%&'*+-.^_`|~" + "abcXYZ019", min_size=1, max_size=20)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF), max_size=40)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
FEW = settings(max_examples=60, deadline=None)


@FEW
@given(st.lists(st.tuples(TOKEN, VALUE), max_size=10))
def test_headers_keep_names_and_values(pairs: list[tuple[str, str]]) -> None:
    headers = Headers(pairs)
    for name, _ in pairs:
        wanted = [value.strip(" \t\r\n") for key, value in pairs if key.lower() == name.lower()]
        assert headers.get(name.upper()) == ", ".join(wanted)
    wire = Headers.from_wire(headers.wire())
    assert [name for name, _ in wire.wire()] == [name.lower().encode() for name, _ in pairs]
    assert all(b"\r" not in value and b"\n" not in value for _, value in headers.wire())


@FEW
@given(st.text(max_size=20), st.text(max_size=20))
def test_no_header_holds_a_line_break(name: str, value: str) -> None:
    try:
        headers = Headers({name: value})
    except ValueError:
        return
    for key, text in headers.wire():
        assert not {0, 10, 13} & {*key, *text}
        assert b":" not in key


def test_headers_by_the_published_tests() -> None:
    headers = Headers([("Set-Cookie", "a=b, c=d"), ("Set-Cookie", "e=f"), ("X-Custom", "value")])
    assert headers.get_all("Set-Cookie") == headers.getSetCookie() == ["a=b, c=d", "e=f"]
    assert headers["x-custom"] == "value"
    assert headers["missing"] is None
    assert Headers([("Accept-encoding", "deflate"), ("Accept-encoding", "gzip")]).get_all("accept-encoding") == [
        "deflate, gzip"
    ]
    for name, value in (("a b", "x"), ("", "x"), ("a\n", "x"), ("a", "x\r\ny: z"), ("a", "\0")):
        with pytest.raises(ValueError, match="header"):
            Headers({name: value})


FIELD = st.one_of(TEXT, st.builds(lambda data, name: File([data], name, "a/b"), st.binary(max_size=80), TEXT))


@FEW
@given(st.lists(st.tuples(TEXT, FIELD), max_size=8))
def test_multipart_round_trip(fields: list[tuple[str, str | File]]) -> None:
    form = FormData(fields)
    body, kind = encode_multipart(form)
    again = list(parse_form(body, kind).items())
    assert len(again) == len(fields)
    for (name, value), (name_again, value_again) in zip(fields, again, strict=True):
        assert name_again == _plain(name)
        if isinstance(value, File):
            assert isinstance(value_again, File)
            assert (bytes(value_again), value_again.name) == (bytes(value), _plain(value.name))
        else:
            assert value_again == value


def _plain(name: str) -> str:
    """As browsers do, quotes and line breaks are written as %22, %0D, %0A: those in the name itself read as such."""
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


@FEW
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"--b", b"--b\r\n", b"\r\n--b--", b"content-disposition: form-data; name=a"]),
)
def test_broken_forms_are_refused_in_words(noise: bytes, piece: bytes) -> None:
    for body in (noise, piece + noise, noise + piece, piece + b"\r\n" + noise + b"\r\n--b--"):
        try:
            parse_form(body, "multipart/form-data; boundary=b")
        except ValueError as error:
            assert str(error)  # noqa: PT017 - any words will do


@FEW
@given(st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_urlencoded_round_trip(fields: list[tuple[str, str]]) -> None:
    body = encode_urlencoded(FormData(fields))
    assert list(parse_form(body, "application/x-www-form-urlencoded").items()) == fields
    assert list(URLSearchParams(str(URLSearchParams(fields)))) == fields


@FEW
@given(st.text(max_size=60))
def test_urls_are_stable_and_carry_nothing_unsafe(tail: str) -> None:
    try:
        url = URL("http://shop.example/" + tail)
    except ValueError:
        return
    assert str(URL(str(url))) == str(url)
    assert url.hostname == "shop.example"
    assert url.href.isascii()
    assert not any(ord(each) <= 0x20 for each in url.href)


@FEW
@given(st.text(max_size=40))
def test_any_text_is_a_url_or_a_value_error(text: str) -> None:
    try:
        url = URL(text)
    except ValueError:
        return
    assert ":" in url.href


def test_urls_by_parts() -> None:
    url = URL("HTTPS://user:pw@Example.ORG:443/a%20b/é?x=1&x=2#frag")
    assert (url.protocol, url.host, url.port, url.pathname) == ("https:", "example.org", "", "/a%20b/%C3%A9")
    assert (url.search, url.hash, url.searchParams.getAll("x")) == ("?x=1&x=2", "#frag", ["1", "2"])
    url.searchParams.append("y", "ä b")
    assert url.search.endswith("&y=%C3%A4+b")
    assert str(URL("../c", "https://example.org/a/b")) == "https://example.org/c"
    assert str(URL("https://test.com")) == "https://test.com/"
    assert URL("http://[::1]:8080/").host == "[::1]:8080"
    for text in ("", "/a", "http://", "http://a b/", "http://a%00/", "http://x:99999/"):
        with pytest.raises(ValueError):  # noqa: PT011 - the words differ, the type is the promise
            URL(text)


def test_bodies_are_read_once() -> None:
    async def check() -> None:
        request = Request("http://a/", method="POST", body='{"field": 42}')
        twin = request.clone()
        assert (await request.json())["field"] == 42
        assert request.body_used
        with pytest.raises(BodyUsedError):
            await request.text()
        with pytest.raises(OSError, match="cannot be cloned"):
            request.clone()
        assert await twin.text() == '{"field": 42}'

        async def pieces():  # type: ignore[no-untyped-def]
            yield "a"
            yield b""
            yield b"b"

        streamed = Response(pieces())
        other = streamed.clone()
        assert (await streamed.text(), await other.text()) == ("ab", "ab")
        assert await Response(Response("x", status=201)).text() == "x"
        reader = Response("chunk").body.getReader()  # type: ignore[union-attr]
        first = await reader.read()
        assert (first.done, first.value.to_bytes()) == (False, b"chunk")
        assert (await reader.read()).done

    asyncio.run(check())


def test_responses_by_the_published_tests() -> None:
    async def check() -> None:
        answer = Response.json({"obj": {"field": 123}}, status=404)
        assert (answer.status, await answer.text()) == (404, '{"obj": {"field": 123}}')
        with pytest.raises(ValueError, match="no status of a redirect"):
            Response.redirect("http://a/", 502)
        copy = Response("test", status=201, status_text="Created").replace_body("other")
        assert (copy.status, copy.status_text, await copy.text()) == (201, "Created", "other")
        assert repr(Request("https://test.com", method="POST")) == "Request(method='POST', url='https://test.com/')"
        with pytest.raises(TypeError, match=r"Response\.json"):
            Response({"a": 1})
        with pytest.raises(TypeError, match="has no body"):
            Response("x", status=204)

    asyncio.run(check())


def test_blobs_by_the_published_tests() -> None:
    async def check() -> None:
        blob = Blob(["test"], content_type="application/json")
        assert (blob.size, blob.js_object.type, await blob.bytes()) == (4, "application/json", b"test")
        assert await blob.slice(1, 3).text() == "es"
        assert await Blob([memoryview(b"foobar")]).text() == "foobar"
        assert Blob(blob).content_type == "application/json"
        assert Blob(blob, content_type="other/type").content_type == "other/type"
        assert Blob([blob]).content_type == ""
        file = File("my file", filename="test.txt", content_type="text/plain")
        assert (file.name, file.content_type, await file.text()) == ("test.txt", "text/plain", "my file")
        form = FormData({"key": "foobar"})
        form.append("key", "another")
        assert form.get_all("key") == ["foobar", "another"]
        assert len(list(form.keys())) == 2
        assert "unknown" not in form

    asyncio.run(check())
