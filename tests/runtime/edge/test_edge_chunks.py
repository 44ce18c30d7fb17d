"""The chunked coding, for any content and any pieces."""

from __future__ import annotations

from itertools import pairwise

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.runtime.edge.chunks import END, BadChunks, Chunks, encode

CONTENT = st.lists(st.binary(min_size=1, max_size=60), max_size=8)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({min(each, len(data)) for each in at} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


@given(CONTENT, st.lists(st.integers(0, 600), max_size=12), st.binary(max_size=10))
@settings(max_examples=80, deadline=None)
def test_what_was_encoded_comes_out_again_however_it_is_cut(parts: list[bytes], at: list[int], behind: bytes) -> None:
    raw = b"".join(map(encode, parts)) + END
    chunks, found = Chunks(), b""
    for piece in cut(raw, at):
        found += chunks.feed(piece)
    assert (found, chunks.done, chunks.rest) == (b"".join(parts), True, b"")
    chunks = Chunks()
    assert chunks.feed(raw + behind) == b"".join(parts)
    assert chunks.rest == behind


class Judge:
    """What httptools makes of the same bytes."""

    def __init__(self) -> None:
        self.body, self.complete = b"", 0

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete += 1


@given(st.text("0123fF;=ab \t\r\n", max_size=40), st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=200, deadline=None)
def test_we_take_nothing_that_another_parser_reads_otherwise(text: str, at: list[int]) -> None:
    raw = text.encode() + b"\r\n" + END
    chunks, found = Chunks(), b""
    try:
        for piece in cut(raw, at):
            if not chunks.done:
                found += chunks.feed(piece)
    except BadChunks:
        return
    if not chunks.done:
        return
    judge = Judge()
    parser = httptools.HttpRequestParser(judge)
    parser.feed_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        parser.feed_data(raw)
    except httptools.HttpParserError:
        assert judge.complete, "we took what another parser refuses"
    assert (judge.body, judge.complete >= 1) == (found, True)


@pytest.mark.parametrize("size", [b"g", b"-1", b"+1", b"0x1", b" 1", b"1 x", b"", b"1_0", b"1" * 16, b"\xef\xbc\x91"])
def test_a_size_is_hexadecimal_digits(size: bytes) -> None:
    with pytest.raises(BadChunks):
        Chunks().feed(size + b"\r\nx\r\n0\r\n\r\n")
