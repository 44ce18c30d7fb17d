"""What happens besides calls: expired keys leave files, idle files are closed, a closed gate holds writes back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import pytest
import uvloop
from bindings_served import Place, client, env, version

from holdfast.kernel.errors import Conflict
from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.bindings.client import connect
from holdfast.runtime.bindings.kv_file import KvFile, Put
from holdfast.runtime.bindings.server import BindingServer
from holdfast.runtime.live import Binding

ENV = [{"name": "KV", "kind": "kv"}, {"name": "DB", "kind": "d1"}]


def open_files(directory: Path) -> list[str]:
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    targets = [os.readlink(link) for link in links if os.path.lexists(link)]
    return [target for target in targets if target.startswith(str(directory))]


def test_files_nobody_uses_are_closed_and_open_again_at_the_next_call(place: Place) -> None:
    async def main() -> None:
        server = BindingServer(place.runtime)
        await server.follow([version("a", [place.kv(), place.d1()])])
        async with client(place, "a") as made:
            found = made.env(ENV)
            for _ in range(2):
                await found["KV"].put("k", "v")
                assert await found["KV"].get("k") == "v"
                await found["DB"].exec("CREATE TABLE IF NOT EXISTS t (a)")
                await found["DB"].prepare("SELECT * FROM t").all()
                assert open_files(place.data)
                server.close_idle(3600)
                assert open_files(place.data)
                server.close_idle(0)
                for _ in range(100):
                    if not open_files(place.data):
                        break
                    await asyncio.sleep(0.02)
                assert open_files(place.data) == []
        await server.close()

    uvloop.run(main())


def test_expired_keys_leave_the_file_in_the_background(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.runtime.bindings.server._SWEEP_SECONDS", 0.15)
    path = place.namespace()
    with KvFile.open(path) as file:
        file.apply([Put(f"old{n}", "v", 1, None, 1000) for n in range(1200)])
        file.put("kept", "v", expiration_ttl=60)

    async def main() -> None:
        server = BindingServer(place.runtime)
        await server.follow([version("a", [Binding("KV", "kv", {"namespace_id": "n", "path": str(path)})])])
        upkeep = asyncio.ensure_future(server.upkeep())
        with closing(apsw.Connection(str(path))) as reader:
            for _ in range(100):
                await asyncio.sleep(0.05)
                if reader.execute("SELECT count(*) FROM kv").fetchall() == [(1,)]:
                    break
            assert reader.execute("SELECT key FROM kv").fetchall() == [("kept",)]
        upkeep.cancel()
        await server.close()

    uvloop.run(main())


def test_a_closed_gate_holds_calls_back_until_it_opens(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.runtime.bindings.d1_store._GATE_SECONDS", 0.4)
    monkeypatch.setattr("holdfast.runtime.bindings.kv_store._GATE_SECONDS", 0.4)
    shut = asked = 0

    @contextmanager
    def gate(resource: str) -> Iterator[None]:
        nonlocal asked
        asked += 1
        assert resource in ("d", "n")
        if shut:
            raise Conflict("it is being restored")
        yield

    async def main() -> None:
        nonlocal shut
        server = BindingServer(place.runtime, gate=gate)
        path = str(place.namespace())
        kv = Binding("KV", "kv", {"namespace_id": "x", "resource_id": "n", "path": path})
        await server.follow([version("a", [kv, place.d1()])])
        made = await connect(place.socket("a"))
        found = made.env(ENV)
        await found["DB"].exec("CREATE TABLE t (a)")
        shut = 1
        asyncio.get_running_loop().call_later(0.15, open_gate)
        await asyncio.gather(found["DB"].prepare("INSERT INTO t VALUES (1)").run(), found["KV"].put("k", "v"))
        assert shut == 0
        shut = 1
        with pytest.raises(BindingError, match="D1_ERROR: the database is being restored"):
            await found["DB"].prepare("SELECT 1").first()
        with pytest.raises(BindingError, match="being restored or moved"):
            await found["KV"].put("k", "v")
        assert await found["KV"].get("k") == "v"
        made.close()
        await server.close()

    def open_gate() -> None:
        nonlocal shut
        shut = 0

    uvloop.run(main())
    assert asked > 4


def test_streams_of_values_are_put_and_got_in_parts(place: Place) -> None:
    async def main() -> None:
        async def parts():
            for n in range(5):
                yield bytes([n]) * 1000

        async with env(place, place.kv()) as found:
            await found["KV"].put("s", parts())
            assert bytes(await found["KV"].get("s", "arrayBuffer")) == b"".join(bytes([n]) * 1000 for n in range(5))

    uvloop.run(main())
