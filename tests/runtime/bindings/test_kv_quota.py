"""What a namespace may hold, and what stays free on its disk: told to the worker in words, and nothing half-written."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
import uvloop
from bindings_served import Place, client, env, served, version
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.kernel.settings import Settings
from holdfast.kernel.wake import Wake
from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.bindings.disk_reserve import DiskReserve
from holdfast.runtime.bindings.kv_file import Delete, Entry, KvFile, Write, checked_put
from holdfast.runtime.bindings.kv_rules import KvError
from holdfast.runtime.bindings.kv_usage import KvQuota, Usage
from holdfast.runtime.bindings.server import BindingServer
from holdfast.state import serve

NAMES = st.sampled_from(["a", "é", "key:1", "key:2"])
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, st.text(max_size=6) | st.binary(max_size=6), st.sampled_from([None, "ü", 12])),
        st.tuples(st.just("delete"), NAMES, st.none(), st.none()),
        st.tuples(st.just("stock"), NAMES, st.none(), st.none()),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(ACTS)
def test_what_is_counted_is_what_is_there(tmp_path_factory: pytest.TempPathFactory, acts: list[Any]) -> None:
    """Also when stock tools write to the file."""
    path = tmp_path_factory.mktemp("kv") / "n.db"
    with KvFile.open(path, create=True) as file, closing(apsw.Connection(str(path))) as stock:
        for act, key, value, metadata in acts:
            if act == "put":
                file.put(key, value, metadata=metadata)
            elif act == "delete":
                file.delete(key)
            else:
                stock.execute("DELETE FROM kv WHERE key = ?", (key,)).fetchall()
        rows: Any = stock.execute("SELECT key, metadata, value FROM kv").fetchall()
        own = [text.encode() if isinstance(text, str) else text or b"" for row in rows for text in row]
        assert file.usage() == Usage(len(rows), sum(len(each) for each in own))


def test_a_file_that_did_not_count_yet_begins_to(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    with KvFile.open(path, create=True) as file:
        file.put("a", "12345", metadata={"m": 1})
    with closing(apsw.Connection(str(path))) as old:
        for name in ("kv_put", "kv_put_again", "kv_deleted"):
            old.execute(f"DROP TRIGGER {name}")
        old.execute("DROP TABLE kv_usage")
        old.execute("PRAGMA user_version = 1").fetchall()
    held = Usage(1, 1 + 5 + len('{"m":1}'))
    with KvFile.open(path, write=False) as reader:
        assert reader.usage() == held
    with KvFile.open(path) as file:
        assert file.usage() == held
        file.put("b", "x")
        assert file.usage() == Usage(2, held.bytes + 2)


def test_beyond_the_quota_nothing_is_taken_and_what_expired_makes_room(tmp_path: Path) -> None:
    now = 1_800_000_000.0
    with KvFile.open(tmp_path / "n.db", create=True, clock=lambda: now) as file:
        two = KvQuota(max_keys=2)
        file.put("old", "x", expiration_ttl=60)
        file.put("kept", "x")
        full: list[Write] = [checked_put("a", "1"), checked_put("kept", "longer", now=now), Delete("nobody")]
        with pytest.raises(KvError, match="holds 2 of the 2 keys allowed") as caught:
            file.apply(full, two)
        assert caught.value.status == 507
        assert [each and each.status for each in file.apply_each(full, two)] == [507, None, None]
        assert file.get("kept") == Entry("longer")
        now += 61
        assert file.apply_each([checked_put("a", "1", now=now)], two) == [None], "the old one had expired"
        assert file.usage().keys == 2

        used = file.usage().bytes
        with pytest.raises(KvError, match=f"holds {used} of the {used + 3} bytes allowed, and this write needs 4 more"):
            file.apply([checked_put("bcd", "1", now=now)], KvQuota(max_bytes=used + 3))
        file.apply([checked_put("kept", "short", now=now)], KvQuota(max_bytes=0))
        assert file.usage().bytes == used - 1, "what makes it smaller is always taken"


def test_a_worker_is_told_that_its_namespace_is_full(place: Place) -> None:
    async def main() -> None:
        binding = place.kv()
        path = Path(str(binding.target["path"]))
        living = [version("a", [binding])]
        async with served(place, *living) as server, client(place, "a") as made:
            kv = made.env([{"name": "KV", "kind": "kv"}])["KV"]
            await server.follow(living, {path: KvQuota(max_keys=3)})
            told = await asyncio.gather(*(kv.put(f"k{n}", "v") for n in range(6)), return_exceptions=True)
            assert [each is None for each in told] == [True] * 3 + [False] * 3, "those that fit are kept"
            for each in told[3:]:
                assert isinstance(each, BindingError)
                assert str(each) == "KV PUT failed: 507 The namespace is full: it holds 3 of the 3 keys allowed."
            assert len((await kv.list())["keys"]) == 3
            await kv.put("k0", "again")
            await kv.delete("k1")
            await kv.put("k9", "v")
            await server.follow(living)
            await kv.put("k10", "no limit any more")

    uvloop.run(main())


def test_writes_wait_for_the_disk_and_reads_and_deletes_go_on(place: Place) -> None:
    """Through the server, as a disk fills and empties again."""
    free = [10_000_000]

    async def main() -> None:
        reserve = DiskReserve(1_000_000, lambda _: free[0])
        server = BindingServer(place.runtime, reserve=reserve)
        await server.follow([version("a", [place.kv(), place.d1()])])
        async with client(place, "a") as made:
            found = made.env([{"name": "KV", "kind": "kv"}, {"name": "DB", "kind": "d1"}])
            kv, db = found["KV"], found["DB"]
            await kv.put("a", "x")
            await db.exec("CREATE TABLE t (v)")
            free[0] = 1_400_000
            await asyncio.sleep(0.3)
            await kv.put("small", "x")
            with pytest.raises(BindingError, match=r"the disk is nearly full: .* stay in reserve"):
                await kv.put("large", "x" * 500_000)
            assert await kv.get("large") is None
            free[0] = 900_000
            await asyncio.sleep(0.3)
            outcomes = await asyncio.gather(kv.put("a", "y"), kv.delete("small"), return_exceptions=True)
            assert isinstance(outcomes[0], BindingError)
            assert (outcomes[0].name, outcomes[1]) == ("Unavailable", None)
            assert (await kv.get("a"), await kv.get("small")) == ("x", None)
            for act in (db.exec("DELETE FROM t"), db.prepare("INSERT INTO t VALUES (1)").run()):
                with pytest.raises(BindingError, match=r"^D1_ERROR: the disk is nearly full"):
                    await act
            assert await db.prepare("SELECT count(*) AS n FROM t").first("n") == 0
            free[0] = 10_000_000
            await asyncio.sleep(0.3)
            await kv.put("a", "y")
            await db.prepare("INSERT INTO t VALUES (1)").run()
        await server.close()

    uvloop.run(main())


def test_the_state_process_keeps_the_settings_reserve_of_the_real_disk(place: Place) -> None:
    binding = place.kv()
    quotas = {Path(str(binding.target["path"])): KvQuota(max_keys=0)}

    async def first(reserve: int) -> str:
        chosen = Settings(place.data, place.runtime, place.data / "key", disk_reserve_bytes=reserve)
        wake = Wake(place.runtime)
        living = [version("a", [binding])]
        serving = asyncio.ensure_future(serve(chosen, lambda: living, wake, lambda token: os.geteuid(), lambda: quotas))
        while not Path(place.socket("a")).exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)
        async with client(place, "a") as made:
            with pytest.raises(BindingError) as caught:
                await made.env([{"name": "KV", "kind": "kv"}])["KV"].put("a", "x")
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await serving
        wake.close()
        return str(caught.value)

    assert "the disk is nearly full" in uvloop.run(first(1 << 60))
    assert "it holds 0 of the 0 keys allowed" in uvloop.run(first(1))


def test_a_disk_that_cannot_be_asked_takes_no_writes(place: Place) -> None:
    def broken(_: Path) -> int:
        raise OSError(5, "Input/output error")

    assert "cannot be asked" in str(DiskReserve(1, broken).shortage(place.data / "n.db"))
    assert DiskReserve(0, broken).shortage(place.data / "n.db") is None

    async def main() -> None:
        async with env(place, place.kv()) as found:
            await found["KV"].put("a", "x")  # without a reserve nobody asks

    uvloop.run(main())
