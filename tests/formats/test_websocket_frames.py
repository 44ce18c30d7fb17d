"""WebSocket frames: what is encoded is parsed again however it is cut, and nothing else is."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.formats.websocket import (
    BadFrame,
    Message,
    Opcode,
    Parser,
    accept_key,
    close_of,
    encode,
    encode_close,
    masked,
    new_key,
    valid_key,
)

DATA = st.sampled_from([Opcode.TEXT, Opcode.BINARY])
SIZES = st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 70001])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(DATA, SIZES), max_size=4), st.booleans(), st.integers(1, 5000))
def test_whole_messages_come_back_however_they_are_cut(wanted, mask, step) -> None:
    sent = [Message(opcode, bytes(i & 255 for i in range(size))) for opcode, size in wanted]
    stream = b"".join(encode(m.opcode, m.data, mask=mask) for m in sent)
    parser = Parser(masked_frames=mask, limit=1 << 20)
    got = [m for at in range(0, len(stream), step) for m in parser.feed(stream[at : at + step])]
    assert got == sent


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_masking_twice_is_nothing(data, key) -> None:
    assert masked(masked(data, key), key) == data
    assert masked(data, key) == bytes(byte ^ key[i % 4] for i, byte in enumerate(data))


@given(st.binary(max_size=400))
def test_noise_is_refused_or_waited_for(noise) -> None:
    parser, said = Parser(masked_frames=True, limit=100), []
    with suppress(BadFrame):
        said += parser.feed(noise)
    assert all(len(message.data) <= 125 for message in said)


def test_parts_make_one_message_with_control_frames_between() -> None:
    parser = Parser(masked_frames=False, limit=10)
    stream = b"\x02\x03abc" + b"\x89\x01p" + b"\x00\x02de" + b"\x80\x01f" + b"\x82\x00"
    assert list(parser.feed(stream)) == [
        Message(Opcode.PING, b"p"),
        Message(Opcode.BINARY, b"abcdef"),
        Message(Opcode.BINARY, b""),
    ]


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (b"\xc2\x00", 1002),  # reserved bit
        (b"\x83\x00", 1002),  # unknown opcode
        (b"\x82\x80abcd", 1002),  # masked where it must not be
        (b"\x09\x00", 1002),  # a control frame in parts
        (b"\x88\x7e\x00\x7e", 1002),  # a long control frame
        (b"\x80\x00", 1002),  # goes on with nothing
        (b"\x02\x00\x82\x00", 1002),  # begins anew in the middle
        (b"\x82\x0b", 1009),  # longer than the limit, said before it came
        (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 1009),
        (b"\x02\x0aaaaaaaaaaa\x80\x01b", 1009),  # in parts
    ],
)
def test_what_breaks_the_rules_is_cut_off(stream, code) -> None:
    with pytest.raises(BadFrame) as caught:
        list(Parser(masked_frames=False, limit=10).feed(stream))
    assert caught.value.code == code


def test_the_handshake_of_the_standard() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3
    assert valid_key(new_key())
    assert not valid_key("short")


def test_close_frames() -> None:
    (message,) = Parser(masked_frames=False, limit=200).feed(encode_close(1001, "ü" * 100, mask=False))
    code, reason = close_of(message.data)
    assert (code, set(reason)) == (1001, {"ü"})
    assert close_of(b"") == (1005, "")
