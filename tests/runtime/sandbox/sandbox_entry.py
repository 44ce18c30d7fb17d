"""What the tests' sandboxes run instead of the Python host: a script out of the payload, told by messages."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any


def main(http: int, inner: int, channel: int, payload: bytes) -> None:
    """`tell(value)` in the script sends one message; an exception that escapes is told as {"raised", "errno"}."""
    pipe = socket.socket(fileno=channel)

    def tell(value: Any) -> None:
        pipe.send(json.dumps(value).encode())

    given = json.loads(payload)
    names = {"tell": tell, "given": given, "http": http, "inner": inner, "channel": channel, "pipe": pipe}
    try:
        exec(compile(given["script"], "/app/script.py", "exec"), names)  # noqa: S102 - a test's own script
    except Exception as error:  # noqa: BLE001 - told to the test
        tell({"raised": type(error).__name__, "errno": getattr(error, "errno", None), "text": str(error)[:300]})
    sys.exit(0)
