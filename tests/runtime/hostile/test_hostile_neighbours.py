"""What the innocent worker's visitors notice. The numbers are `python -m bench hostile`'s; here they only may not be
out of all proportion, on a machine that does other things too."""

from __future__ import annotations

import statistics
import threading
import time

import pytest
from hostile_house import House

NEIGHBOURS = {
    "loop": "while True: pass",
    "bomb": """
        import os
        while True:
            try:
                if os.fork() == 0:
                    while True: pass
            except OSError:
                pass
        """,
    "binder": """
        import socket, threading
        from holdfast.runtime.bindings import frames
        from holdfast.runtime.bindings.values import encode
        many = frames.frame(1, 0, 0, encode("k")) * 5000
        def flood():
            line = socket.socket(socket.AF_UNIX)
            line.connect("/run/bind")
            def drain():
                while line.recv(1 << 20):
                    pass
            threading.Thread(target=drain, daemon=True).start()
            while True:
                line.sendall(many)
        each = [threading.Thread(target=flood, daemon=True) for _ in range(4)]
        for one in each:
            one.start()
        for one in each:
            one.join()
        """,
    "crowd": """
        import socket
        while True:
            kept = []
            try:
                while True:
                    kept.append(socket.socket(socket.AF_UNIX))
                    kept[-1].settimeout(1)
                    kept[-1].connect("/run/bind")
            except OSError:
                pass
        """,
}


def took(house: House, seconds: float) -> list[float]:
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end or len(found) < 20:
        began = time.perf_counter()
        assert house.ask("innocent").status == 200
        found.append(time.perf_counter() - began)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("worker", NEIGHBOURS)
def test_the_innocent_ones_visitors_hardly_notice(house: House, worker: str) -> None:
    alone = statistics.quantiles(took(house, 0.5), n=100)[98]
    over = threading.Event()

    def at_it() -> None:
        while not over.is_set():
            try:
                house.run(worker, NEIGHBOURS[worker], seconds=60)
            except OSError:
                continue

    neighbour = threading.Thread(target=at_it, daemon=True)
    neighbour.start()
    try:
        time.sleep(0.2)
        beside = statistics.quantiles(took(house, 1.5), n=100)[98]
    finally:
        over.set()
        while neighbour.is_alive():  # it may be started once more for a request that waited
            house.end(worker)
            neighbour.join(1)
    assert beside < 2.0 + 10 * alone
    house.lives(worker)
