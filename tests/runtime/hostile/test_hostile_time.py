"""Workers that do not let go of the processor, of their process, or of a request."""

from __future__ import annotations

import json
import socket
import time
from textwrap import dedent

import pytest
from hostile_cast import TAKE_OVER
from hostile_house import House

FROZEN = ("a call held the interpreter", "held by code that does not end")  # the second where time goes to others


def test_an_endless_loop_is_ended_and_told(house: House) -> None:
    reply = house.run("loop", "while True: pass")
    assert reply.status == 504
    assert house.outcome("loop", "timeout").wall_ms < 6000
    house.explained("loop", "the worker took too long: it blocked the event loop for more than 1.5 s")
    if house.grouped:
        house.explained("loop", "it gives way to everyone else on a part of the processors")
    house.lives("loop")


def test_a_loop_deaf_to_every_exception_costs_its_process(house: House) -> None:
    script = """
    def deaf():
        while True:
            try:
                sum(range(1000))
            except BaseException:
                pass
    while True:
        try:
            deaf()
        except BaseException:
            pass
    """
    assert house.run("deaf", script).status == 502
    house.explained("deaf", "the process is given up: this invocation does not let go of the processor")
    house.explained("deaf", "did not end although its time was over, and the process was given up")
    house.outcome("deaf", "timeout")
    house.lives("deaf")


@pytest.mark.slow
def test_a_loop_that_blinds_its_own_watcher_is_given_up_from_outside(house: House) -> None:
    """The watcher lives in the worker's own process; the pool and the edge do not."""
    script = """
    import signal, sys
    for number in (signal.SIGXCPU, signal.SIGPROF):
        signal.signal(number, signal.SIG_IGN)
    guard = sys.modules["holdfast.runtime.python.guard"]
    guard.os = None
    guard.Guard._over = lambda *_: (False, False)
    while True: pass
    """
    began = time.monotonic()
    assert house.run("blind", script).status in (502, 504)
    assert time.monotonic() - began < 12
    house.explained("blind", "its event loop is held by code that does not end, and it was given up", seconds=20)
    house.lives("blind")


@pytest.mark.slow
def test_a_call_that_holds_the_interpreter_dies_by_the_kernel(house: House) -> None:
    reply = house.run("frozen", "told = len(str(7 ** (10 ** 9)))")
    assert reply.status in (502, 504)
    house.explained("frozen", *FROZEN, seconds=15)
    house.lives("frozen")


def test_answers_that_trickle_for_ever_are_their_clients_affair(house: House) -> None:
    """Everybody who is patient enough may have such an answer; who leaves ends it."""
    script = dedent(
        """
        import asyncio
        from workers import Response
        async def drops():
            while True:
                yield b"."
                await asyncio.sleep(0.05)
        answer = Response(drops())
        """
    ).encode()
    lines = [socket.create_connection(("127.0.0.1", house.port), timeout=10) for _ in range(40)]
    for line in lines:
        head = f"POST / HTTP/1.1\r\nhost: trickle.localhost\r\ncontent-length: {len(script)}\r\n\r\n"
        line.sendall(head.encode() + script)
    for line in lines:
        assert line.recv(200).startswith(b"HTTP/1.1 200")
    time.sleep(2)
    assert json.loads(house.ask("innocent").body)["visits"]
    for line in lines:
        line.close()
    house.until(lambda: sum(each.outcome == "cancelled" for each in house.invocations("trickle")) == 40, 10)
    house.lives("trickle")


@pytest.mark.slow
def test_a_head_that_trickles_is_not_waited_for(house: House) -> None:
    """Round the host, on the listener itself: a byte now and then, and never an answer."""
    talk = """
    def talk(line):
        import time
        while True:
            line.sendall(b"H")
            time.sleep(0.1)
    serve(4)
    """
    house.run("sleeper", TAKE_OVER + dedent(talk))
    for _ in range(5):
        began = time.monotonic()
        reply = house.ask("sleeper")
        if reply.status != 502:  # which it is in the very moment in which the host lets go of the listener
            break
    assert reply.status == 504
    assert json.loads(reply.body)["error"]["code"] == "worker_timeout"
    assert time.monotonic() - began < 12
    house.end("sleeper")
    house.lives("sleeper")


@pytest.mark.slow
def test_a_process_that_stops_itself_is_replaced(house: House) -> None:
    """In process it is its namespace's first, which cannot be stopped; in bubblewrap it can."""
    script = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\ntold = 'going on'"
    reply = house.run("stopper", script)
    if house.mode == "bubblewrap":
        assert reply.status == 504
        house.explained("stopper", "it was stopped by a signal, and it was given up", seconds=20)
    else:
        assert reply.told == "going on"
    house.lives("stopper")
