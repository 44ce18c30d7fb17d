"""Made-up addresses, and what is said to the egress process and read from it: whatever comes."""

from __future__ import annotations

import json
import socket
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.runtime.python.network.handshake import Handshake
from holdfast.runtime.python.network.names import Names, plain


@settings(deadline=None)
@given(st.lists(st.from_regex(r"\A[a-f]{1,2}\.test\Z"), max_size=60), st.integers(1, 8), st.integers(8, 20))
def test_an_address_stands_for_one_name(asked: list[str], most: int, span: int) -> None:
    first = int(IPv4Address("240.0.0.1"))
    names, fresh = Names(most, first, first + span - 1), 0
    given_to: dict[str, str] = {}
    for name in asked:
        address = names.address(name)
        assert names.made_up(address)
        assert names.name(address) == names.name(f"::ffff:{address}") == name
        assert len(names) <= most
        if given_to.get(address) != name:
            fresh += 1
            assert fresh > span or address not in given_to, "given to another name before all were used"
        given_to[address] = name
    assert not names.made_up("10.0.0.1")
    kept = [name for address, name in given_to.items() if names.name(address) == name]
    assert set(dict.fromkeys(reversed(asked))) & set(kept) == set(kept)
    assert len(kept) == min(most, len(set(asked)))


@given(st.text(max_size=40))
def test_no_name_says_more_than_a_name(text: str) -> None:
    try:
        name = plain(text)
    except socket.gaierror:
        return
    assert Handshake(name, 80).request.count(b"\r\n") == 3
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")


@given(st.binary(max_size=50), st.lists(st.integers(1, 30), max_size=40), st.booleans())
def test_no_byte_of_the_server_is_taken(rest: bytes, sizes: list[int], refused: bool) -> None:
    body = json.dumps({"error": {"code": "not_permitted", "message": "no.", "hint": None}}).encode()
    wire = b"HTTP/1.1 200 Connection established\r\n\r\n" + rest
    if refused:
        wire = b"HTTP/1.1 403 Forbidden\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    shake, at, steps = Handshake("site.test", 80), 0, iter(sizes)
    while not shake.over:
        at += shake.take(wire[at : at + next(steps, 30)])
    if refused:
        with pytest.raises(PermissionError, match=r"site.test:80 cannot be reached: no \(not_permitted\)"):
            shake.judge()
    else:
        shake.judge()
        assert wire[at:] == rest
