"""Calling a worker from here: a test request, or a turn of a cron now. Both go to its sockets as any other does."""

from __future__ import annotations

import base64
import binascii
import http.client
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from holdfast.features.access.actor import Actor
from holdfast.features.workers import store
from holdfast.features.workers.guard import found, record
from holdfast.features.workers.live import cron_takers
from holdfast.features.workers.model import Version, Worker
from holdfast.features.workers.settings import settings_of
from holdfast.features.workers.shelf import Shelf
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, NotFound, Retryable
from holdfast.kernel.ids import new_id
from holdfast.runtime.live import Sockets
from holdfast.runtime.pool.control import PoolClient

MOST_ANSWER = 1 << 20
MOST_SECONDS = 120.0
LISTENS_SECONDS = 10.0  # until the socket of a version that was deployed a moment ago is there; the edge waits as long
_PAUSE_SECONDS = 0.02
_KEPT_BACK = frozenset({"host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer"})


@dataclass(frozen=True)
class TestRequest:
    """`path` with its query; `version_id` None: the one that takes most requests."""

    method: str = "GET"
    path: str = "/"
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    version_id: str | None = None

    @classmethod
    def of(
        cls,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: str,
        *,
        encoded: bool,
        version_id: str | None = None,
    ) -> TestRequest:
        """With a body in text, or in base64 with `encoded`. Raises Invalid("body_invalid")."""
        try:
            content = base64.b64decode(body, validate=True) if encoded else body.encode()
        except (binascii.Error, ValueError):
            raise Invalid("the body is not base64", code="body_invalid") from None
        return cls(method, path, [(name, value) for name, value in headers], content, version_id)


@dataclass(frozen=True)
class TestAnswer:
    """`request_id` is the invocation's `ray`; `at`, in milliseconds since 1970, is when it was sent."""

    version_id: str
    request_id: str
    at: int
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    truncated: bool
    milliseconds: float


@dataclass(frozen=True)
class Turn:
    cron: str
    version_id: str
    outcome: str
    error: Mapping[str, object] | str | None = field(default=None)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("worker", timeout=seconds)
        self._path = path

    def arrive(self, seconds: float) -> None:
        """Connect as soon as somebody listens there. Raises OSError when nobody does for so long."""
        until = time.monotonic() + seconds
        while True:
            try:
                self.connect()
            except (FileNotFoundError, ConnectionRefusedError):
                self.close()
                if time.monotonic() >= until:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class CallingService:
    """`shelf`: where the code of versions has to be that are asked here."""

    def __init__(self, db: Database, runtime: Path, clock: Clock, shelf: Shelf | None = None) -> None:
        self._shelf = shelf
        self._db = db
        self._runtime = runtime
        self._clock = clock

    def require(self, actor: Actor, worker_id: str) -> None:
        with self._db.read() as conn:
            found(conn, actor, worker_id, "worker.invoke")

    def call(self, actor: Actor, worker_id: str, wanted: TestRequest) -> TestAnswer:
        """As the edge would send it. Raises Conflict("not_deployed"), Retryable when nothing answers in time."""
        checked_request(wanted)
        worker, version = self.deployed(actor, worker_id, wanted.version_id)
        limits = settings_of(worker.settings).limits_for(version.config)
        headers = {name: value for name, value in wanted.headers if name.lower() not in _KEPT_BACK}
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("holdfast-")}
        request_id = new_id("req")
        headers |= {"Host": f"{worker.slug}.localhost", "holdfast-request-id": request_id}
        headers |= {"x-forwarded-proto": "http", "x-forwarded-host": headers["Host"], "cf-connecting-ip": "127.0.0.1"}
        path = Sockets.of(self._runtime, version.token).http
        at, began = int(self._clock.now().timestamp() * 1000), time.monotonic()
        with _answering(worker):
            line = _UnixConnection(path, min(limits.timeout_seconds + 5, MOST_SECONDS))
            line.arrive(LISTENS_SECONDS)
            try:
                line.request(wanted.method, wanted.path, wanted.body or None, headers)
                answer = line.getresponse()
                body = answer.read(MOST_ANSWER + 1)
            finally:
                line.close()
        milliseconds = round(1000 * (time.monotonic() - began), 1)
        sent = [(name, value) for name, value in answer.getheaders()]
        kept, truncated = body[:MOST_ANSWER], len(body) > MOST_ANSWER
        return TestAnswer(version.id, request_id, at, answer.status, sent, kept, truncated, milliseconds)

    def turn(self, actor: Actor, worker_id: str, cron: str) -> Turn:
        """One turn of a cron of the deployed code, now; audited, and in its history. Raises Invalid("cron_unknown"),
        Retryable("pool_away"), and ("pool_slow") for one that takes longer than MOST_SECONDS: it goes on."""
        worker, _ = self.deployed(actor, worker_id, None)
        with self._db.read() as conn:
            known = cron_takers(conn, worker)
        if (version := known.get(cron)) is None:
            raise Invalid(
                "what is deployed has no such cron",
                code="cron_unknown",
                hint=f"It has: {', '.join(known) or 'none'}",
                details={"fields": [{"field": "cron", "message": "is not among the worker's"}]},
            )
        with self._db.write() as conn:
            record(conn, actor, version, "worker.cron.run", {"cron": cron, "version_id": version.id})
        said = self._tick(worker, cron)
        return Turn(cron, version.id, str(said["outcome"]), said["error"])

    def _tick(self, worker: Worker, cron: str) -> Mapping[str, Any]:
        pool = PoolClient(self._runtime)
        try:
            return pool.tick(worker.id, cron, MOST_SECONDS)
        except NotFound:  # it was deployed a moment ago
            pool.refresh()
            return pool.tick(worker.id, cron, MOST_SECONDS)

    def deployed(self, actor: Actor, worker_id: str, version_id: str | None) -> tuple[Worker, Version]:
        """A version that takes requests: that one, else the one with the largest share. Takes `worker.invoke`; raises
        Conflict("not_deployed"), OtherNode."""
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.invoke")
            deployed = store.deployment(conn, worker.id)
            shares = store.by_share(deployed)
            wanted = [each["version_id"] for each in shares if version_id in (None, each["version_id"])]
            version = store.version(conn, wanted[0]) if wanted else None
        if version is None or not worker.enabled:
            why = "is switched off" if not worker.enabled else "has no such version deployed"
            raise Conflict(f"{worker.name!r} {why}", code="not_deployed", hint="Deploy a version first.")
        if self._shelf is not None:
            self._shelf.require(worker.id, version.id)
        return worker, version


class _answering:  # noqa: N801 - reads as a verb
    """Turns what a silent worker means for a socket into words."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, at: object) -> None:
        if isinstance(error, TimeoutError):
            raise Retryable(f"{self._worker.name!r} did not answer in time", code="worker_silent") from error
        if isinstance(error, OSError | http.client.HTTPException | ValueError):
            raise Retryable(
                f"{self._worker.name!r} cannot be reached",
                code="worker_unreachable",
                hint=f"Look at its logs: holdfast worker logs {self._worker.name}.",
            ) from error


def checked_request(wanted: TestRequest) -> None:
    """Raises Invalid("request_invalid") for what could not be sent as one request."""
    pieces = urlsplit(wanted.path)
    fine = wanted.path.startswith("/") and not wanted.path.startswith("//") and not pieces.fragment
    text = wanted.method + wanted.path + "".join(name + value for name, value in wanted.headers)
    if not fine or any(ord(each) < 32 or ord(each) > 126 for each in text) or " " in wanted.path + wanted.method:
        raise Invalid("a request has a method, a path from / on and headers in ASCII", code="request_invalid")
