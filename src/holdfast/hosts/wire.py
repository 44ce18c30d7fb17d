"""What the keeper and its clients say to each other: one JSON line each way, peers checked by the kernel.

Request {"verb": ..., ...}; answer {"ok": true, "result": ...} or {"ok": false, "error": {class, code, ...}}.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.kernel import errors
from holdfast.kernel.errors import HoldfastError, NeedsOperator, Retryable

LINE_LIMIT = 4 * 1024 * 1024
_CLASSES: dict[str, type[HoldfastError]] = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HoldfastError) and kind is not NeedsOperator
}


def encode(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def encode_error(error: HoldfastError) -> dict[str, Any]:
    return {"ok": False, "error": error.as_dict() | {"class": type(error).__name__}}


def raise_error(raw: Mapping[str, Any]) -> None:
    """Raise the error a keeper answered with, as the class it had there."""
    message, rest = str(raw["message"]), {"code": raw["code"], "details": raw["details"]}
    if raw["class"] == "NeedsOperator":
        raise NeedsOperator(message, hint=str(raw["hint"]), **rest)
    raise _CLASSES.get(str(raw["class"]), HoldfastError)(message, hint=raw["hint"], **rest)


_CUT = Retryable("the keeper ended in the middle of an answer", code="keeper_away").as_dict() | {"class": "Retryable"}


def _away(error: OSError) -> Retryable:
    return Retryable(
        f"the keeper does not answer: {error.strerror or error}",
        code="keeper_away",
        hint="start Holdfast with `holdfast up`",
    )


def peer_user(connection: socket.socket) -> int:
    """The uid at the other end, from the kernel (unix(7), SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", raw)[1])


def peer_allowed(user: int) -> bool:
    """Ourselves or root: whoever may talk to the keeper can run programs as us."""
    return user in (0, os.geteuid())


def send_with(connection: int, message: Mapping[str, Any], descriptor: int) -> None:
    """An answer and a descriptor on a connection that the event loop has; short enough never to block."""
    with socket.socket(fileno=os.dup(connection)) as copy:
        socket.send_fds(copy, [encode(message)], [descriptor])


def call_for_socket(path: Path, message: Mapping[str, Any], timeout: float) -> socket.socket:
    """As `call`, for an answer that brings a listening socket."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(encode(message))
            line, descriptors, _, _ = socket.recv_fds(connection, LINE_LIMIT, 1)
    except OSError as error:
        raise _away(error) from error
    answer: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {"ok": False, "error": _CUT}
    if not answer["ok"]:
        raise_error(answer["error"])
    made = socket.socket(fileno=descriptors[0])
    os.set_inheritable(made.fileno(), False)
    made.setblocking(False)
    return made


def call(path: Path, message: Mapping[str, Any], timeout: float) -> Any:
    """One request. Raises Retryable when the keeper is away or does not answer in time, else what it answered."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(encode(message))
            with connection.makefile("rb") as file:
                line = file.readline(LINE_LIMIT)
    except OSError as error:
        raise _away(error) from error
    if not line.endswith(b"\n"):
        raise Retryable("the keeper ended in the middle of an answer", code="keeper_away", hint="try again")
    answer = json.loads(line)
    if not answer["ok"]:
        raise_error(answer["error"])
    return answer["result"]
