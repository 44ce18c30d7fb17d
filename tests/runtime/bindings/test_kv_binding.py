"""`env.KV` over its socket, as Cloudflare's own list of behaviours has it."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
import uvloop
from bindings_served import Place, env

from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.bindings.kv_file import KvFile


def run(place: Place, act) -> None:
    async def main() -> None:
        async with env(place, place.kv()) as found:
            await act(found["KV"])

    uvloop.run(main())


def test_text_is_put_read_overwritten_and_deleted(place: Place) -> None:
    async def act(kv) -> None:
        assert await kv.get("absent") is None
        await kv.put("k", "one")
        assert await kv.get("k") == "one"
        await kv.put("k", "zwei ü")
        assert await kv.get("k", "text") == "zwei ü"
        await kv.put("empty", "")
        assert await kv.get("empty") == ""
        await kv.delete("k")
        assert await kv.get("k") is None
        await kv.delete("never there")

    run(place, act)


def test_a_value_is_read_as_json_bytes_or_a_stream(place: Place) -> None:
    async def act(kv) -> None:
        await kv.put("j", json.dumps({"x": {"y": [1, 2]}}))
        for found in (
            await kv.get("j", "json"),
            await kv.get("j", type="json"),
            await kv.get("j", {"type": "json"}),
            await kv.get("j", type="json", cacheTtl=60),
        ):
            assert isinstance(found, dict)
            assert found == {"x": {"y": [1, 2]}}
            assert found.x.y == [1, 2]
        await kv.put("b", b"\xff\0")
        data = await kv.get("b", "arrayBuffer")
        assert isinstance(data, memoryview)
        assert bytes(data) == b"\xff\0"
        assert await kv.get("b") == "\ufffd\0"
        assert isinstance(await kv.get("j", "arrayBuffer"), memoryview)
        assert b"".join([part async for part in await kv.get("b", "stream")]) == b"\xff\0"
        await kv.put("copy", data)
        assert bytes(await kv.get("copy", "arrayBuffer")) == b"\xff\0"
        with pytest.raises(ValueError, match="Expecting"):
            await kv.get("b2") or await kv.put("b2", "{") or await kv.get("b2", "json")
        for kind in ("text", "json", "arrayBuffer", "stream"):
            assert await kv.get("absent", kind) is None
        with pytest.raises(TypeError, match="Unknown response type"):
            await kv.get("b", "xml")

    run(place, act)


def test_metadata_comes_back_with_the_value_and_in_lists(place: Place) -> None:
    async def act(kv) -> None:
        await kv.put("m", "v", metadata={"author": "suite", "n": 2})
        await kv.put("o", "v", {"metadata": {"source": "dict"}})
        await kv.put("plain", "v", None)
        found = await kv.getWithMetadata("m")
        assert (found.value, found["metadata"], found.cacheStatus) == ("v", {"author": "suite", "n": 2}, None)
        assert (await kv.getWithMetadata("o")).metadata.source == "dict"
        assert (await kv.getWithMetadata("plain"))["metadata"] is None
        absent = await kv.getWithMetadata("absent")
        assert (absent["value"], absent["metadata"]) == (None, None)
        assert (await kv.getWithMetadata("m", type="arrayBuffer")).value == b"v"
        (line,) = (await kv.list(prefix="m"))["keys"]
        assert line == {"name": "m", "metadata": {"author": "suite", "n": 2}}

    run(place, act)


def test_an_expiration_is_listed_and_too_short_a_one_refused(place: Place) -> None:
    async def act(kv) -> None:
        before = int(time.time())
        await kv.put("ttl", "v", expirationTtl=60)
        await kv.put("dict", "v", {"expirationTtl": 60})
        await kv.put("at", "v", expiration=before + 600)
        assert await kv.get("ttl") == "v"
        lines = {line["name"]: line.get("expiration") for line in (await kv.list())["keys"]}
        assert before + 60 <= lines["ttl"] <= before + 62
        assert lines["dict"] is not None
        assert lines["at"] == before + 600
        with pytest.raises(BindingError, match=r"KV PUT failed: 400 Invalid expiration_ttl of 59"):
            await kv.put("ttl", "new", expirationTtl=59)
        with pytest.raises(BindingError, match="KV PUT failed: 400 Invalid expiration of"):
            await kv.put("ttl", "new", expiration=before)
        assert await kv.get("ttl") == "v"

    run(place, act)


def test_lists_go_page_by_page(place: Place) -> None:
    async def act(kv) -> None:
        await asyncio.gather(*(kv.put(f"p:{n:03}", "v") for n in range(5)), kv.put("q", "v"))
        page = await kv.list({"prefix": "p:", "limit": 2})
        names = []
        while True:
            names += [line["name"] for line in page["keys"]]
            if page["list_complete"]:
                break
            page = await kv.list(prefix="p:", limit=2, cursor=page["cursor"])
        assert names == [f"p:{n:03}" for n in range(5)]
        assert page.get("cursor") is None
        everything = await kv.list(None)
        assert everything["list_complete"] is True
        assert len(everything["keys"]) == 6
        nothing = await kv.list(prefix="none:")
        assert (nothing["keys"], nothing["list_complete"]) == ([], True)
        with pytest.raises(BindingError, match="KV LIST failed: 400 Invalid key_count_limit of 0"):
            await kv.list(limit=0)
        with pytest.raises(BindingError, match="Invalid cursor"):
            await kv.list(cursor="~")

    run(place, act)


def test_many_keys_are_read_at_once(place: Place) -> None:
    async def act(kv) -> None:
        await kv.put("a", '{"v": "a"}', metadata=[1])
        await kv.put("b", '{"v": "b"}')
        assert await kv.get(["a", "b", "c"]) == {"a": '{"v": "a"}', "b": '{"v": "b"}', "c": None}
        found = await kv.get(["a", "b"], "json")
        assert (found["a"]["v"], found["b"].v) == ("a", "b")
        pairs = await kv.getWithMetadata(["a", "c"])
        assert pairs["a"].metadata == [1]
        assert pairs["c"].value is None
        with pytest.raises(BindingError, match="maximum of 100 keys"):
            await kv.get([str(n) for n in range(101)])
        with pytest.raises(BindingError, match="not a valid type"):
            await kv.get(["a"], "arrayBuffer")

    run(place, act)


def test_the_largest_value_goes_both_ways_and_one_byte_more_does_not(place: Place) -> None:
    async def act(kv) -> None:
        value = bytes(range(256)) * (25 * 4096)
        await kv.put("big", value)
        assert bytes(await kv.get("big", "arrayBuffer")) == value
        assert (await kv.getWithMetadata("big", "arrayBuffer")).value == value

        async def parts():
            yield value
            yield b"x"

        with pytest.raises(BindingError, match="413 Value length of 26214401 exceeds"):
            await kv.put("more", parts())
        with pytest.raises(BindingError, match="413 Value length of 26214401 exceeds"):
            await kv.put("more", value + b"x")
        await kv.put("big2", value)
        with pytest.raises(BindingError, match="413 Total size"):
            await kv.get(["big", "big2"])
        assert await kv.get("more") is None

    run(place, act)


def test_what_has_no_form_in_cloudflares_sdk_is_a_type_error(place: Place) -> None:
    async def act(kv) -> None:
        async def later() -> None: ...

        waiting = later()
        for value in (bytearray(b"x"), ("a",), {"a": 1}, 7, None, waiting):
            with pytest.raises(TypeError):
                await kv.put("k", value)
        for metadata in (("a",), [bytearray()], {1: 2}):
            with pytest.raises(TypeError):
                await kv.put("k", "v", metadata=metadata)
        waiting.close()
        for key in (7, None, ("a",), b"k"):
            with pytest.raises(TypeError):
                await kv.get(key)
        with pytest.raises(TypeError, match="options are"):
            await kv.put("k", "v", "60")
        with pytest.raises(TypeError, match=r"KvNamespace.*is not iterable"):
            iter(kv)
        with pytest.raises(TypeError, match=r"KvNamespace.*has no len"):
            len(kv)
        for key, words in (
            ("", "cannot be empty"),
            ("..", "not allowed"),
            ("k" * 513, "414 UTF-8 encoded length of 513"),
        ):
            for act in (kv.get, kv.delete, kv.getWithMetadata, lambda key: kv.put(key, "v")):
                with pytest.raises(BindingError, match=words):
                    await act(key)

    run(place, act)


def test_what_another_process_writes_is_read_at_once(place: Place) -> None:
    async def act(kv) -> None:
        with KvFile.open(place.data / "n.db") as theirs:
            for n in range(50):
                theirs.put("k", str(n))
                assert await kv.get("k") == str(n)
            await kv.put("k", "ours")
            assert theirs.get("k").value == "ours"
            theirs.delete("k")
        assert await kv.get("k") is None

    run(place, act)


def test_a_file_that_took_the_place_of_another_is_seen(place: Place) -> None:
    """A restore renames a new file over the old one: a write goes to the new one, reads follow within a second."""

    async def act(kv) -> None:
        await kv.put("k", "old")
        assert await kv.get("k") == "old"
        with KvFile.open(place.data / "new.db", create=True) as fresh:
            fresh.put("k", "restored")
        for suffix in ("-wal", "-shm"):
            (place.data / f"n.db{suffix}").unlink(missing_ok=True)
        (place.data / "new.db").rename(place.data / "n.db")
        await kv.put("other", "after")
        await asyncio.sleep(1.1)
        assert await kv.get("k") == "restored"
        assert await kv.get("other") == "after"

    run(place, act)


def test_a_namespace_that_is_gone_is_told_in_words_and_logged_once(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(kv) -> None:
        (place.data / "n.db").unlink()
        for call in (kv.get("k"), kv.put("k", "v"), kv.list(), kv.get("k")):
            with pytest.raises(BindingError, match="namespace is not there"):
                await call

    run(place, act)
    assert len([record for record in caplog.records if "cannot be opened" in record.message]) == 1
