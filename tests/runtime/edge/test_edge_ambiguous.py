"""Requests that two readers could take differently are refused, and nothing of them reaches a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from edge_kit import Running, running, saying, telling

NEXT = b"GET /smuggled HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
HOST = b"Host: app.localhost\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
GET = b"GET / HTTP/1.1\r\n"

REFUSED = {
    "cl_te": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "te_cl": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n",
    "cl_twice_same": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "cl_twice_other": POST + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
    "cl_list": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "cl_plus": POST + b"Content-Length: +3\r\n\r\nabc",
    "cl_minus": POST + b"Content-Length: -3\r\n\r\nabc",
    "cl_hex": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "cl_underscore": POST + b"Content-Length: 1_0\r\n\r\n0123456789",
    "cl_space_inside": POST + b"Content-Length: 1 0\r\n\r\n0123456789",
    "cl_empty": POST + b"Content-Length: \r\n\r\n",
    "cl_huge": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "cl_other_digits": POST + "Content-Length: ٣\r\n\r\nabc".encode(),
    "te_unknown": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "te_identity": POST + b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
    "te_list": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "te_chunked_first": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "te_twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te_quoted": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "te_vertical_tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "te_empty": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "te_http_1_0": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space_before_colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "tab_before_colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "fold": GET + HOST + b"X: a\r\n b\r\n\r\n",
    "fold_te": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "first_line_folded": GET + b" X: y\r\n" + HOST + b"\r\n",
    "bare_lf": b"GET / HTTP/1.1\nHost: app.localhost\n\n",
    "bare_lf_in_head": GET + HOST + b"X: a\nTransfer-Encoding: chunked\r\n\r\n",
    "bare_lf_end": GET + HOST + b"\n",
    "bare_cr": GET + HOST + b"X: a\rY: b\r\n\r\n",
    "nul_in_value": GET + HOST + b"X: a\0b\r\n\r\n",
    "nul_in_name": GET + HOST + b"X\0: a\r\n\r\n",
    "control_in_value": GET + HOST + b"X: \x01\r\n\r\n",
    "no_colon": GET + HOST + b"Content-Length\r\n\r\n",
    "no_name": GET + HOST + b": x\r\n\r\n",
    "name_with_space": GET + HOST + b"X Y: x\r\n\r\n",
    "name_with_slash": GET + HOST + b"X/Y: x\r\n\r\n",
    "no_host": GET + b"X: y\r\n\r\n",
    "two_hosts": GET + HOST + b"Host: other.localhost\r\n\r\n",
    "host_list": GET + b"Host: app.localhost, other\r\n\r\n",
    "host_user": GET + b"Host: x@app.localhost\r\n\r\n",
    "host_path": GET + b"Host: app.localhost/x\r\n\r\n",
    "host_port": GET + b"Host: app.localhost:99999\r\n\r\n",
    "host_empty": GET + b"Host:\r\n\r\n",
    "host_space": GET + b"Host: app.localhost x\r\n\r\n",
    "absolute_conflict": b"GET http://other.localhost/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute_port_conflict": b"GET http://app.localhost:1/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute_user": b"GET http://x@app.localhost/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute_other_scheme": b"GET ftp://app.localhost/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect": b"CONNECT app.localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "trace": b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n",
    "method_unknown": b"GETT / HTTP/1.1\r\n" + HOST + b"\r\n",
    "method_lower": b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    "target_space": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "target_tab": b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "target_fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "target_raw_utf8": "GET /ä HTTP/1.1\r\n".encode() + HOST + b"\r\n",
    "target_missing": b"GET HTTP/1.1\r\n" + HOST + b"\r\n",
    "http_0_9": b"GET /\r\n\r\n",
    "http_2": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "http_2_preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http_1_2": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    "version_short": b"GET / HTTP/1\r\n" + HOST + b"\r\n",
    "version_long": b"GET / HTTP/1.10\r\n" + HOST + b"\r\n",
    "tls_hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "expectation": POST + b"Content-Length: 3\r\nExpect: 200-ok\r\n\r\nabc",
    "chunk_bare_lf": POST + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
    "chunk_lf_in_extension": POST + b"Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n",
    "chunk_cr_in_extension": POST + b"Transfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n",
    "chunk_long_extension": POST + b"Transfer-Encoding: chunked\r\n\r\n3;" + b"a" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
    "chunk_many_extensions": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;aaaaaaaaaaaaaaaa\r\nx\r\n" * 1000,
    "chunk_minus": POST + b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
    "chunk_0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "chunk_underscore": POST + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "chunk_space": POST + b"Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n",
    "chunk_size_overflow": POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
    "chunk_empty_size": POST + b"Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n",
    "chunk_too_long": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "chunk_no_end": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r0\r\n\r\n",
    "trailer_fold": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n X: y\r\n\r\n",
    "trailer_no_colon": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nGET / HTTP/1.1\r\n\r\n",
    "trailers_too_many": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: yyyyyyyyyyyyyy\r\n" * 2000,
    "head_too_large": GET + HOST + b"X: " + b"a" * 40000 + b"\r\n\r\n",
    "head_without_end": GET + HOST + b"X: " + b"a" * 40000,
    "too_many_fields": GET + HOST + b"".join(b"X%d: y\r\n" % n for n in range(200)) + b"\r\n",
}


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("edge") / "r") as made:
        yield made


@pytest.mark.parametrize("name", REFUSED)
def test_an_ambiguous_request_is_refused_and_ends_the_line(it: Running, name: str) -> None:
    starts: list[str] = []

    async def noting(reader, writer) -> None:  # type: ignore[no-untyped-def]
        starts.append((await reader.read(65536)).decode("latin-1"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    it.serve("app", noting)
    line = it.line()
    line.send(REFUSED[name] + NEXT)
    status, fields = line.head()
    assert 400 <= status < 600, status
    assert status not in (404, 502, 503, 504), f"{status}: that is no refusal of the request"
    assert dict(fields)["connection"] == "close"
    rest = line.rest()
    assert b"HTTP/1.1 " not in rest, "the line went on after a request that could not be read"
    assert not any("smuggled" in start for start in starts)
    line.close()


ACCEPTED = {
    "absolute": b"GET http://app.localhost/x HTTP/1.1\r\nHost: app.localhost\r\n\r\n",
    "absolute_upper": b"GET HTTP://App.Localhost/x HTTP/1.1\r\nHost: app.localhost\r\n\r\n",
    "chunked_upper": POST.replace(b"/ ", b"/x ") + b"Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
    "cl_zeros": POST.replace(b"/ ", b"/x ") + b"Content-Length: 0003\r\n\r\nabc",
    "empty_line_before": b"\r\nGET /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "tabs_around_value": b"GET /x HTTP/1.1\r\nHost:\tapp.localhost \r\nX: \t y \t\r\n\r\n",
    "accept_twice": b"GET /x HTTP/1.1\r\n" + HOST + b"Accept: a/b\r\nAccept: c/d\r\n\r\n",
    "dots": b"GET /x HTTP/1.1\r\n" + HOST + b"Referer: /../x\r\n\r\n",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_plain_goes_on_and_so_does_the_line(it: Running, name: str) -> None:
    it.serve("app", telling)
    line = it.line()
    line.send(ACCEPTED[name] + NEXT)
    assert line.answer().json["start"].split(" ")[1] == "/x"
    assert line.answer().json["start"] == "GET /smuggled HTTP/1.1"
    line.close()


def test_one_byte_at_a_time_is_the_same_request(it: Running) -> None:
    it.serve("app", telling)
    line = it.line()
    body = b"4;x=y\r\nwiki\r\n10\r\n0123456789abcdef\r\n0\r\nT: x\r\n\r\n"
    for byte in POST + b"Transfer-Encoding: chunked\r\n\r\n" + body + NEXT:
        line.send(bytes((byte,)))
    assert line.answer().json["body"] == "wiki0123456789abcdef"
    assert line.answer().json["start"] == "GET /smuggled HTTP/1.1"
    line.close()


HOSTILE_ANSWERS = {
    "cl_te": b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "cl_twice": b"content-length: 3\r\ncontent-length: 5\r\n\r\nabc",
    "cl_list": b"content-length: 3, 5\r\n\r\nabc",
    "cl_minus": b"content-length: -1\r\n\r\nabc",
    "te_unknown": b"transfer-encoding: gzip\r\n\r\nabc",
    "bare_lf": b"x: a\nset-cookie: x=y\r\ncontent-length: 0\r\n\r\n",
    "bare_cr": b"x: a\rset-cookie: x=y\r\ncontent-length: 0\r\n\r\n",
    "nul": b"x: a\0b\r\ncontent-length: 0\r\n\r\n",
    "fold": b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    "space_before_colon": b"content-length : 3\r\n\r\nabc",
    "no_colon": b"oops\r\ncontent-length: 0\r\n\r\n",
    "too_large": b"x: " + b"a" * 70000 + b"\r\ncontent-length: 0\r\n\r\n",
    "too_many": b"".join(b"x%d: y\r\n" % n for n in range(300)) + b"content-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", HOSTILE_ANSWERS)
def test_an_answer_that_could_be_split_is_not_passed_on(it: Running, name: str) -> None:
    it.serve("app", saying(b"HTTP/1.1 200 OK\r\n" + HOSTILE_ANSWERS[name]))
    answer = it.get()
    assert (answer.status, answer.json["error"]["code"]) == (502, "answer_malformed")
    assert "set-cookie" not in dict(answer.fields)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 99 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200\nOK\r\ncontent-length: 0\r\n\r\n",
        b"garbage\r\n\r\n",
        b"\x00" * 1000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20,
    ],
)
def test_what_is_no_answer_is_a_bad_gateway(it: Running, raw: bytes) -> None:
    it.serve("app", saying(raw))
    line = it.line()
    line.send(GET + HOST + b"\r\n")
    status, _ = line.head()
    while status == 103:
        status, _ = line.head()
    assert status == 502
    line.close()


def test_a_broken_answer_never_looks_whole(it: Running) -> None:
    """Chunks that break off, or are none: the client is not told that this was the end."""
    for body in (b"5\r\nhello\r\n3\nabc\r\n", b"5\r\nhello\r\nZZ\r\n", b"5\r\nhelloXX0\r\n\r\n"):
        it.serve("app", saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body))
        line = it.line()
        line.send(GET + HOST + b"\r\n")
        head, _, told = line.rest().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert not told.endswith(b"0\r\n\r\n")
        line.close()


def test_what_comes_behind_an_answer_is_nobodys(it: Running) -> None:
    """A worker's second answer must not be taken for that to another client's request."""
    it.serve(
        "app", saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
    )
    for _ in range(5):
        assert it.get().body == b"ok"
    assert it.get(method="HEAD").status == 200
    it.serve("app", saying(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"))
    for _ in range(5):
        assert it.get().status == 204
