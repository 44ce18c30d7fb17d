"""Carry wake-ups between the nodes of one PostgreSQL metadata database: LISTEN/NOTIFY, as a hint only.

One connection of its own per process: a NOTIFY never joins a caller's transaction and never takes from the pool.
Lossy like the datagrams: what was said while PostgreSQL was away may never be heard, so everyone goes on reading.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from pathlib import Path
from typing import Any

import psycopg

from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.wake import Wake

CHANNEL = "holdfast_wake"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_MOST_WAITING = 1000  # topics; more are dropped, as a full socket would
# A peer that vanished without a word is given up after about 20 s, not after the kernel's two hours.
_PATIENCE: dict[str, Any] = {
    "application_name": "holdfast wake",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_log = logging.getLogger("holdfast.wake")


def node_id(wake: Wake) -> str:
    """What all processes of one runtime directory are called between nodes; made by whichever asks first."""
    file = wake.directory.parent / "wake-node"
    if not file.exists():
        _make_once(file)
    return file.read_text()


def _make_once(file: Path) -> None:
    """Linked into place whole: a process that finds the file never reads half a name."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.{os.urandom(3).hex()}")
    try:
        draft.write_text(new_id("node"))
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


class WakeRelay:
    """What this process notifies is heard on the other nodes; what they notify, this process's listeners hear.

    Reconnects by itself, pausing 0.1 to 10 s. Nothing that notifies ever waits for it. `close` is idempotent.
    """

    def __init__(self, db: Database, wake: Wake) -> None:
        self._words = {**db.engine.dialect.create_connect_args(db.url)[1], **_PATIENCE}
        self._wake = wake
        self._node = node_id(wake)
        self._lock = threading.Lock()
        self._waiting: dict[str, None] = {}
        self._closed = threading.Event()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="wake-relay", daemon=True)

    def start(self) -> WakeRelay:
        """Begin to listen and to forward."""
        self._wake.forward = self._forward
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop both. What was not sent yet is lost."""
        if self._closed.is_set():
            return
        self._wake.forward = None
        self._closed.set()
        os.eventfd_write(self._bell, 1)
        if self._thread.is_alive():
            self._thread.join(_PATIENCE["connect_timeout"] + 1)
        if not self._thread.is_alive():
            with self._lock:  # otherwise a notify on its way could ring a bell that is another file by now
                os.close(self._bell)
                self._bell = -1

    def _forward(self, topic: str) -> None:
        with self._lock:
            if self._bell >= 0 and len(self._waiting) < _MOST_WAITING:
                self._waiting[topic] = None
                os.eventfd_write(self._bell, 1)

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closed.is_set():
            try:
                with psycopg.connect(**self._words, autocommit=True) as conn:
                    conn.add_notify_handler(lambda note: self._heard(note.payload))
                    conn.execute(f"LISTEN {CHANNEL}")
                    pause = _FIRST_PAUSE
                    self._talk(conn)
            except (psycopg.Error, OSError) as error:
                _log.warning("wake-ups from other nodes are late: %s", type(error).__name__)
                self._closed.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _talk(self, conn: psycopg.Connection[Any]) -> None:
        poll = select.poll()
        poll.register(conn.fileno(), select.POLLIN)
        poll.register(self._bell, select.POLLIN)
        self._send(conn)  # what waited while PostgreSQL was away
        while not self._closed.is_set():
            for descriptor, _ in poll.poll():
                if descriptor == self._bell:
                    os.eventfd_read(self._bell)
                else:
                    self._receive(conn)
            self._send(conn)

    def _send(self, conn: psycopg.Connection[Any]) -> None:
        with self._lock:
            topics = list(self._waiting)
            self._waiting.clear()
        if topics:
            payloads = [f"{self._node} {topic}" for topic in topics]
            try:
                conn.execute("SELECT pg_notify(%s, said) FROM unnest(%s::text[]) AS said", [CHANNEL, payloads])
            except psycopg.Error:
                for topic in topics:
                    self._forward(topic)
                raise

    def _receive(self, conn: psycopg.Connection[Any]) -> None:
        conn.pgconn.consume_input()
        while (note := conn.pgconn.notifies()) is not None:
            self._heard(note.extra.decode("utf-8", "replace"))

    def _heard(self, payload: str) -> None:
        node, _, topic = payload.partition(" ")
        if topic and node != self._node:
            self._wake.tell_own(topic)


def start_relay(db: Database, wake: Wake) -> WakeRelay | None:
    """A running relay, or None when the metadata is a file: then there are no other nodes."""
    return None if db.embedded else WakeRelay(db, wake).start()
