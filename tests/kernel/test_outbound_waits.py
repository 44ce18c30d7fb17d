"""The relay's waits: what a server asks for with Retry-After, and that nobody is held by one that never answers."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Cancelled, Retryable
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.outbound_head import seconds_of
from holdfast.kernel.outbound_relay import MOST_WAIT_SECONDS, Pass, Relay
from holdfast.kernel.stop import Stop
from holdfast.vault.stores.retrying import RetryingStore
from holdfast.vault.stores.s3 import AccessKey, S3Place, s3_store
from holdfast.vault.stores.stopping import StoppableStore


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay(OutboundPolicy(frozenset({ip_network("127.0.0.0/8")})))
    yield made
    made.close()


@contextlib.contextmanager
def server(*answers: bytes) -> Iterator[tuple[socket.socket, list[socket.socket]]]:
    """Gives each connection the next answer; when there is none it is held and never answered."""
    held: list[socket.socket] = []
    left = list(answers)

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            held.append(line)
            line.recv(65536)
            if left:
                line.sendall(left.pop(0))
                line.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener, held
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for line in held:
                line.close()
    thread.join(5)


def answer(status: str, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", body]
    return "\r\n".join(lines).encode()


def store_at(
    listener: socket.socket, relay: Relay, *, patience: float = 0.0, stop: Stop | None = None
) -> RetryingStore:
    place = S3Place(f"http://127.0.0.1:{listener.getsockname()[1]}", "bucket", allow_http=True)
    return RetryingStore(s3_store(place, AccessKey("id", "secret"), relay), SystemClock(), patience, stop=stop)


@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
def test_what_a_store_asks_for_is_waited_for(relay: Relay, status: str) -> None:
    good = answer("200 OK", "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT", 'ETag: "x"', body="found")
    with server(answer(status, "Retry-After: 2"), good) as (listener, _):
        began = time.monotonic()
        assert store_at(listener, relay, patience=20).get("config") == b"found"
        assert 1.8 < time.monotonic() - began < 6


def test_who_cannot_wait_that_long_is_told(relay: Relay) -> None:
    with server(answer("503 Busy", "Retry-After: 999999")) as (listener, _):
        with pytest.raises(Retryable) as busy:
            store_at(listener, relay, patience=5).get("config")
    assert busy.value.code == "store_busy"
    assert 50 < busy.value.details["retry_after"] <= MOST_WAIT_SECONDS


def test_dates_are_understood() -> None:
    ahead = datetime.now(UTC) + timedelta(seconds=30)
    assert 25 < seconds_of(format_datetime(ahead, usegmt=True)) <= 30
    assert seconds_of(format_datetime(ahead - timedelta(days=1), usegmt=True)) == 0
    assert seconds_of("7") == 7


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40) | st.text("0123456789,: GMTonJauFri-+", max_size=40))
def test_whatever_a_server_writes_is_a_bounded_wait(text: str) -> None:
    seconds = seconds_of(text)
    assert seconds >= 0
    way = Pass("h", 1, "u")
    way.asked_to_wait(seconds)
    assert way.waiting() <= MOST_WAIT_SECONDS


def test_a_call_that_hangs_is_left_when_its_run_stops(relay: Relay) -> None:
    stop = Stop()
    with server() as (listener, held):
        store = StoppableStore(store_at(listener, relay, patience=100, stop=stop), stop)
        threading.Timer(0.5, stop.stop).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            store.get("config")
        assert time.monotonic() - began < 5
        for _ in range(2):  # what tidies up afterwards does not hang either
            began = time.monotonic()
            with pytest.raises(Cancelled):
                store.delete("locks/x")
            assert time.monotonic() - began < 4
        assert held


def test_a_wait_for_the_next_try_ends_with_the_run(relay: Relay) -> None:
    stop = Stop()
    with server(answer("503 Busy", "Retry-After: 50")) as (listener, _):
        store = StoppableStore(store_at(listener, relay, patience=100, stop=stop), stop)
        threading.Timer(0.7, stop.stop).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            store.get("config")
        assert time.monotonic() - began < 4


@pytest.mark.parametrize("verb", ["GET http://127.0.0.1:{port}/x", "CONNECT 127.0.0.1:{port}"])
def test_a_server_is_let_go_when_the_caller_is_gone(relay: Relay, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each call that was given up would leave two sockets behind, for ever."""
    monkeypatch.setattr("holdfast.kernel.outbound_pipe.LAST_WORDS_SECONDS", 0.2)
    with server() as (listener, held):
        port = listener.getsockname()[1]
        url = urlsplit(relay.admit("127.0.0.1", port).url)
        secret = base64.b64encode(f"holdfast:{url.password}".encode()).decode()
        with socket.create_connection(("127.0.0.1", url.port or 0), timeout=5) as line:
            head = f"{verb.format(port=port)} HTTP/1.1\r\nProxy-Authorization: Basic {secret}\r\n\r\n"
            line.sendall(head.encode())
            if verb.startswith("CONNECT"):
                assert line.recv(1000).startswith(b"HTTP/1.1 200")
                line.sendall(b"hello")
            until = time.monotonic() + 30
            while not held and time.monotonic() < until:
                time.sleep(0.02)
        held[0].settimeout(5)
        while held[0].recv(1000):
            continue
