"""Own hosts: claimed, proven by TXT records, and nobody else's then."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from txt_server import answer_of, name_server
from workers_house import House, deployed

from holdfast.features.workers import txt
from holdfast.features.workers.hosts import HostsService
from holdfast.kernel.errors import Retryable


def answering(house: House, monkeypatch: pytest.MonkeyPatch, texts: Callable[[str], list[str]]) -> None:
    monkeypatch.setattr(house.services.parts[HostsService], "_texts", texts)


def test_a_host_counts_once_it_is_proven(house, monkeypatch) -> None:
    worker, _ = deployed(house, "hosted")
    claimed = house.call("POST", f"/workers/{worker['id']}/hosts", json={"host": "API.Example.org."})
    assert (claimed["host"], claimed["record_name"]) == ("api.example.org", "_holdfast.api.example.org")
    where, asked = f"/worker-hosts/{claimed['id']}/verify", []
    answering(house, monkeypatch, lambda name: asked.append(name) or ["v=spf1 -all", "holdfast-another"])
    assert house.call("POST", where, 409)["error"]["code"] == "host_unproven"
    assert house.routed("hosted")["hosts"] == []
    assert asked == ["_holdfast.api.example.org"]
    answering(house, monkeypatch, lambda _: [claimed["proof"]])
    assert house.call("POST", where)["verified_at"]
    assert house.routed("hosted")["hosts"] == ["api.example.org"]

    other = house.worker("squatter")
    theirs = house.call("POST", f"/workers/{other['id']}/hosts", json={"host": "api.example.org"})
    assert theirs["proof"] != claimed["proof"]
    answering(house, monkeypatch, lambda _: [claimed["proof"], theirs["proof"]])
    assert house.call("POST", f"/worker-hosts/{theirs['id']}/verify", 409)["error"]["code"] == "host_taken"
    house.call("DELETE", f"/worker-hosts/{claimed['id']}")
    assert house.routed("hosted")["hosts"] == []


@pytest.mark.parametrize(
    "host",
    ["localhost", "a.localhost", "127.0.0.1", "::1", "x", "-a.example.org", "a..org", "*.example.org", "a b.org"],
)
def test_hosts_that_nobody_can_prove(house, host) -> None:
    worker = house.worker("nobody's")
    answer = house.call("POST", f"/workers/{worker['id']}/hosts", 422, json={"host": host})
    assert answer["error"]["code"] == "host_invalid"


def test_txt_records_by_a_real_exchange() -> None:
    with name_server(lambda asked: answer_of(asked, [[b"one ", b"text"], [b"two"]])) as port:
        assert txt.lookup("_holdfast.example.org", ["127.0.0.1"], port=port) == ["one text", "two"]
        assert txt.lookup("_holdfast.example.org", [f"127.0.0.1:{port}"], port=1) == ["one text", "two"]
    with name_server(lambda asked: answer_of(asked, [], code=3)) as port:
        assert txt.lookup("_holdfast.example.org", ["127.0.0.1"], port=port) == []
    for wrong in (
        lambda asked: answer_of(asked, [], code=2),
        lambda asked: answer_of(asked, [[b"x"]], number=struct.unpack_from(">H", asked)[0] ^ 1),
        lambda asked: asked,
        lambda _: b"short",
    ):
        with name_server(wrong) as port, pytest.raises(Retryable) as silent:
            txt.lookup("_holdfast.example.org", ["127.0.0.1"], port=port)
        assert silent.value.code == "name_servers_silent"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120), st.binary(max_size=120))
def test_any_answer_is_read_or_refused(head, tail) -> None:
    asked = txt.question("a.example.org", 7)
    for message in (head + tail, answer_of(asked, [[b"x"]])[: len(head)] + tail):
        with suppress(txt.Malformed):
            assert all(isinstance(each, str) for each in txt.texts(message, 7))
