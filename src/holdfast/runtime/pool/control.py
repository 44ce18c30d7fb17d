"""Asking the pool from other processes of ours: one line of JSON each way on `<runtime>/pool.sock` (0600)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.kernel.errors import HoldfastError, Invalid, Retryable
from holdfast.runtime.pool.doors import listener

_LINE = 1024 * 1024
Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]


def control_socket(runtime: Path) -> Path:
    return runtime / "pool.sock"


async def serve(path: Path, ask: Ask) -> asyncio.Server:
    """Answer until the server is closed. A stale socket is replaced; only root and our own user are heard."""
    return await asyncio.start_unix_server(lambda r, w: _serve(r, w, ask), sock=listener(path), limit=_LINE)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: Ask) -> None:
    try:
        peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", peer)[1] not in (0, os.geteuid()):
            return
        writer.write(json.dumps(await _answer(await reader.readline(), ask)).encode() + b"\n")
        await writer.drain()
    except (OSError, ValueError):
        return  # the client went away, or sent more than a line may hold
    finally:
        writer.close()


async def _answer(line: bytes, ask: Ask) -> dict[str, Any]:
    try:
        message = json.loads(line)
        if not isinstance(message, dict):
            raise Invalid("the pool cannot read this request")
        return {"ok": True, "result": await ask(str(message.get("verb")), message)}
    except HoldfastError as error:
        return {"ok": False, "error": error.as_dict()}
    except ValueError:
        return {"ok": False, "error": Invalid("the pool cannot read this request").as_dict()}


@dataclass(frozen=True)
class Untried:
    """Why a version could not start, in words. `used`: what its import asked for of "bindings" and "network" while
    nobody was there to give it."""

    why: str
    used: tuple[str, ...] = ()


class PoolClient:
    """The pool from other processes. Every call raises Retryable ("pool_away") when there is none, ("pool_slow")
    when it takes longer than the timeout, NotFound
    ("version_not_running") when it has no such version."""

    def __init__(self, runtime: Path, timeout: float = 30.0) -> None:
        self._path = control_socket(runtime)
        self._timeout = timeout

    def restart(self, *, worker_id: str | None = None, version_id: str | None = None) -> None:
        """New processes; the old ones stop when a new one is ready."""
        self._call("restart", worker_id=worker_id, version_id=version_id)

    def kill(self, *, worker_id: str | None = None, version_id: str | None = None) -> None:
        """Its processes end at once."""
        self._call("kill", worker_id=worker_id, version_id=version_id)

    def start(self, *, worker_id: str | None = None, version_id: str | None = None) -> None:
        """A process, as if a request had come."""
        self._call("start", worker_id=worker_id, version_id=version_id)

    def tick(self, worker_id: str, cron: str, timeout: float = 900.0) -> dict[str, Any]:
        """Run a schedule now and wait for it: {"outcome", "error", "wall_ms", "id"}. Raises NotFound."""
        answer: dict[str, Any] = self._call("tick", timeout, worker_id=worker_id, cron=cron)
        return answer

    def refresh(self) -> None:
        """Read what is to run now; returns when it is acted on."""
        self._call("refresh")

    def trial(self, version_id: str, bindings: Sequence[Mapping[str, Any]] = ()) -> Untried | None:
        """Start a version that is not deployed, once and for nobody, with the `bindings` ({"name", "kind", "target"}
        each) it is to be deployed with: None when it can, else why not."""
        said = self._call("try", version_id=version_id, bindings=[dict(each) for each in bindings])
        return None if said is None else Untried(str(said["why"]), tuple(said["used"]))

    def status(self) -> list[dict[str, Any]]:
        """Each version: the fields of VersionState, and "pids"."""
        answer: list[dict[str, Any]] = self._call("status")
        return answer

    def _call(self, verb: str, timeout: float | None = None, **fields: Any) -> Any:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout or self._timeout)
            try:
                connection.connect(str(self._path))
                connection.sendall(json.dumps({"verb": verb, **fields}).encode() + b"\n")
                answer = json.loads(_line(connection))
            except TimeoutError as error:
                text = "the pool has not answered in time; what was asked of it goes on"
                raise Retryable(text, code="pool_slow", hint="Look again in a moment.") from error
            except (OSError, ValueError) as error:
                hint = "see `holdfast status`; it is started again by itself"
                raise Retryable(f"the pool does not answer: {error}", code="pool_away", hint=hint) from error
        if not answer["ok"]:
            raise _error(answer["error"])
        return answer["result"]


def _line(connection: socket.socket) -> bytes:
    parts = b""
    with contextlib.suppress(ConnectionResetError):
        while not parts.endswith(b"\n"):
            part = connection.recv(65536)
            if not part:
                break
            parts += part
    return parts


def _error(raw: dict[str, Any]) -> HoldfastError:
    from holdfast.kernel import errors

    kinds = {"version_not_running": errors.NotFound, "schedule_not_found": errors.NotFound}
    kind = kinds.get(raw["code"], errors.Retryable if raw["retryable"] else errors.Permanent)
    return kind(raw["message"], code=raw["code"], hint=raw["hint"], details=raw["details"])
