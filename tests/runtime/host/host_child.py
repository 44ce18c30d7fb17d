"""A host as a child process: `host_child.py http inner channel`, the payload on stdin; bindings are what tests inject."""

from __future__ import annotations

import importlib.util
import json
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


if __name__ == "__main__":
    codec()
    from holdfast.runtime.python import host

    payload = sys.stdin.buffer.read()
    assert json.loads(payload)
    numbers = [int(each) for each in sys.argv[1:4]]
    host.main(*numbers, payload, connect)  # type: ignore[arg-type]
