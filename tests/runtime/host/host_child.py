"""Hosts as child processes, forked from one that has imported everything; bindings are the tests' own."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import sys
from typing import Any


class FakeKv:
    def __init__(self) -> None:
        self.data: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.data.get(key)

    async def put(self, key: str, value: str, **options: Any) -> None:
        self.data[key] = value

    async def delete(self, key: str) -> None:
        self.data.pop(key, None)

    async def getWithMetadata(self, key: str) -> dict[str, Any]:  # noqa: N802
        return {"value": self.data.get(key), "metadata": None}


class FakeClient:
    def env(self, bindings: list[dict[str, Any]]) -> dict[str, object]:
        return {each["name"]: FakeKv() for each in bindings}


async def connect(path: str) -> FakeClient:
    return FakeClient()


def codec() -> None:
    """A stand-in of the codec where the real one is not there."""
    if importlib.util.find_spec("holdfast.runtime.bindings.values") is None:
        import fake_values

        fake_values.install()


def serve(control: socket.socket) -> None:
    """Fork a host for each order: imports cost more than what is tested. Orders and answers are JSON."""
    from holdfast.runtime.python import host

    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 4)
        if not data:
            return
        order = json.loads(data)
        if "pid" in order:
            done, status = os.waitpid(order["pid"], os.WNOHANG)
            control.send(json.dumps(os.waitstatus_to_exitcode(status) if done else None).encode())
            continue
        pid = os.fork()
        if not pid:
            control.close()
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            host.main(*descriptors[:3], json.dumps(order["payload"]).encode(), connect)  # type: ignore[misc,arg-type]
        for each in descriptors:
            os.close(each)
        control.send(json.dumps(pid).encode())


if __name__ == "__main__":
    codec()
    serve(socket.socket(fileno=int(sys.argv[1])))
