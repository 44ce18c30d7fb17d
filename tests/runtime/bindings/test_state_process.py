"""The state process follows what lives: at once, when it is woken, and it survives a look that fails."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from bindings_served import Place, client, served, version

from holdfast.kernel.errors import Retryable
from holdfast.kernel.settings import Settings
from holdfast.kernel.wake import Wake
from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.live import LiveVersion, Sockets
from holdfast.state import serve


def test_a_new_version_is_served_as_soon_as_its_deployment_wakes_the_process(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.state._LOOK_SECONDS", 30.0)  # only the wake-up can be what is heard
    settings = Settings(place.data, place.runtime, place.data / "key")
    living: list[LiveVersion] = [version("a", [place.kv()])]
    looks = 0

    def source() -> list[LiveVersion]:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise Retryable("the metadata database is busy")
        return list(living)

    async def reachable(token: str) -> bool:
        for _ in range(100):
            if Path(place.socket(token)).exists():  # noqa: ASYNC240
                async with client(place, token) as made:
                    return await made.env([{"name": "KV", "kind": "kv"}])["KV"].get("absent") is None
            await asyncio.sleep(0.02)
        return False

    async def main() -> None:
        wake = Wake(place.runtime)
        serving = asyncio.ensure_future(serve(settings, source, wake, lambda token: os.geteuid()))
        assert await reachable("a")
        living.append(version("b", [place.kv()]))
        for looked in (2, 3):
            wake.notify("workers")
            while looks < looked:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await reachable("b")
        assert await reachable("a")
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await serving
        assert not Path(place.socket("a")).exists()  # noqa: ASYNC240
        wake.close()

    uvloop.run(main())


def test_a_version_that_leaves_keeps_its_bindings_until_the_pool_has_removed_its_doors(place: Place) -> None:
    async def main() -> None:
        old = version("a", [place.kv()], worker_id="w")
        new = version("b", [place.kv()], worker_id="w")
        door = Sockets.of(place.runtime, "a").http
        leaving = [new, replace(old, leaving=True, weight=0)]
        async with served(place, old) as server, client(place, "a") as made:
            space = made.env([{"name": "KV", "kind": "kv"}])["KV"]
            door.touch()  # the pool's
            await server.follow(leaving)
            await space.put("still", "here")
            async with client(place, "a") as later:
                assert await later.env([{"name": "KV", "kind": "kv"}])["KV"].get("still") == "here"
            assert server._directory.pick("w")[0] == new, "it is called by nobody any more"
            door.unlink()
            await server.follow(leaving)
            assert not Path(place.socket("a")).exists()  # noqa: ASYNC240
            with pytest.raises(BindingError):
                await space.put("still", "there")

    uvloop.run(main())


def test_a_version_whose_socket_cannot_be_made_does_not_keep_others_waiting(place: Place) -> None:
    from holdfast.runtime.bindings.server import BindingServer

    async def main() -> None:
        server = BindingServer(place.runtime)
        await server.follow([version("x" * 120, [place.kv()]), version("a", [place.kv()])])
        async with client(place, "a") as made:
            assert await made.env([{"name": "KV", "kind": "kv"}])["KV"].get("absent") is None
            with pytest.raises(BindingError, match="has no binding"):
                made.env([{"name": "OTHER", "kind": "kv"}])
        await server.close()

    uvloop.run(main())
