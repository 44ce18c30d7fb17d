"""Requests whose worker ended under them. The edge sees a connection break, the pool knows which process ended: each
loss is one packet from the edge to the pool on `<runtime>/losses.sock` (0600). Who is not heard is not waited for.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from holdfast.kernel import log

LARGEST = 8 * 1024
_LONGEST_PATH = 2048
_A_SECOND = 500  # losses that are told; a worker may break its connections as often as it likes
_log = log.get("holdfast.losses")


@dataclass(frozen=True)
class Loss:
    """`token` names the version's sockets, `ray` is the edge's request id, `path` is without its query. `at`:
    milliseconds since 1970 when the worker was asked. `broke`: seconds of the machine's monotonic clock when its
    connection did, `wall_ms` later. `status`: what the client was told, None when nothing was or the
    answer had begun. `again`: the request is sent once more."""

    token: str
    ray: str
    method: str
    path: str
    at: int
    broke: float
    wall_ms: float
    websocket: bool
    status: int | None
    again: bool = False


def socket_of(runtime: Path) -> Path:
    return runtime / "losses.sock"


class Teller:
    """The edge's end. It connects at the first loss, and again when the pool is another one."""

    def __init__(self, runtime: Path) -> None:
        self._path = str(socket_of(runtime))
        self._line: socket.socket | None = None
        self._second = self._told = 0

    def tell(self, loss: Loss) -> None:
        """Never waits: of a storm the pool hears a part."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._told = second, 0
        self._told += 1
        if self._told > _A_SECOND:
            return
        told = asdict(loss) | {"method": loss.method[:32], "path": loss.path[:_LONGEST_PATH]}
        packet = json.dumps(told, ensure_ascii=False).encode()
        if not (self._sent(packet) or self._sent(packet)):
            _log.debug("the pool does not hear of a lost request", request=loss.ray)

    def _sent(self, packet: bytes) -> bool:
        try:
            if self._line is None:
                self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
                self._line.connect(self._path)
            self._line.send(packet, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False  # it is behind
        except OSError:
            self.close()
            return False
        return True

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def listener(runtime: Path) -> socket.socket:
    """The pool's end, not blocking; what was at its path is replaced. Raises OSError."""
    path = socket_of(runtime)
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
        made.listen(8)
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    return made


_KINDS = {"at": int, "broke": float, "wall_ms": float, "websocket": bool, "again": bool}
_NAMES = frozenset(each.name for each in fields(Loss))


def read(packet: bytes) -> Loss | None:
    """None for what is none."""
    try:
        told = json.loads(packet)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.keys() != _NAMES:
        return None
    status = told["status"]
    fit = all(type(told[name]) is _KINDS.get(name, str) for name in _NAMES - {"status"})
    return Loss(**told) if fit and (status is None or type(status) is int) else None
