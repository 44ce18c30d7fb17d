"""Service bindings: another worker by name, its methods and its fetch, and no way around the binding."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
import uvloop
from bindings_served import Place, client, served, version
from inner_worker import Asked, run, worker

from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.attributes import BindingError, JsDict
from holdfast.runtime.bindings.client import Hooks, depth
from holdfast.runtime.bindings.handling import Limits
from holdfast.runtime.bindings.values import decode, decode_call, encode, encode_error
from holdfast.runtime.live import Binding, Sockets


def test_methods_take_and_give_values(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        args, options = decode_call(await asked.body())
        told = {"target": asked.target, "method": asked.method, "depth": asked.headers["holdfast-depth"]}
        asked.answer(200, encode({"args": args, "options": options, **told}))

    async def act(service) -> None:
        noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
        sent = ["hello", 42, True, None, 1 << 80, 1.5, b"\0", [1, {"a": noon}]]
        found = await service.add_up(*sent, mode="x")
        assert isinstance(found, JsDict)
        assert found.args == [*sent[:6], memoryview(b"\0"), sent[7]]
        assert isinstance(found.args[6], memoryview)
        assert found["options"] == {"mode": "x"}
        assert (found.target, found.method, found.depth) == ("/rpc/add_up", "POST", "1")
        depth.set(5)
        assert (await service.add_up()).depth == "6"

    run(place, serve, act)


def test_the_entrypoint_is_the_bindings_and_errors_come_back_by_name(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        assert asked.target.endswith("?entrypoint=Admin")
        name = asked.target.split("?")[0].removeprefix("/rpc/")
        if name == "gone":
            return
        asked.answer(500, encode_error("ValueError", f"{name} went wrong") if name == "broken" else b"\xff")

    async def act(service) -> None:
        with pytest.raises(BindingError, match="broken went wrong") as caught:
            await service.broken()
        assert caught.value.name == "ValueError"
        with pytest.raises(BindingError, match="cannot be read"):
            await service.rubbish()
        with pytest.raises(BindingError, match="ended before it had answered"):
            await service.gone()

    run(place, serve, act, entrypoint="Admin")


def test_what_cannot_be_sent_is_a_type_error_before_anything_is_called(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        raise AssertionError("called")

    async def act(service) -> None:
        async def later() -> None: ...

        waiting = later()
        for value in ((1,), bytearray(b"x"), waiting, {1: 2}, {(1, 2)}, object(), [(1,)]):
            with pytest.raises(TypeError):
                await service.method(value)
        waiting.close()
        for name in ("scheduled", "queue", "env", "constructor"):
            with pytest.raises(TypeError, match="not a method"):
                await getattr(service, name)()
        with pytest.raises(AttributeError):
            service._private  # noqa: B018

    run(place, serve, act)


def test_workers_that_call_each_other_in_a_circle_are_stopped(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        raise AssertionError("called")

    async def act(service) -> None:
        depth.set(32)
        with pytest.raises(BindingError, match="depth limit exceeded"):
            await service.again()
        with pytest.raises(BindingError, match="depth limit exceeded"):
            await service.fetch("http://x/")

    run(place, serve, act)


def test_fetch_carries_a_request_and_its_answer(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        body = await asked.body()
        told = [asked.method, asked.target, dict(asked.headers), body]
        asked.head(201, {"x-one": "1", "transfer-encoding": "chunked"})
        await asked.chunk(encode(told))
        asked.writer.write(b"0\r\n\r\n")

    async def act(service) -> None:
        answer = await service.fetch(
            "https://other.example/päth/x?q=1&r=ä b#fragment",
            method="post",
            headers={"X-Mine": "yes", "holdfast-depth": "0", "holdfast-service": "Evil", "connection": "close, x-mine"},
            body="text",
        )
        assert answer.status == 201
        assert ("x-one", "1") in answer.headers
        method, target, headers, body = decode(await answer.bytes())
        assert (method, target, body) == ("POST", "/p%C3%A4th/x?q=1&r=%C3%A4%20b", b"text")
        assert headers["host"] == "other.example"
        assert headers["x-mine"] == "yes"
        assert headers["content-type"] == "text/plain;charset=UTF-8"
        assert headers["holdfast-service"] == ""
        assert headers["holdfast-depth"] == "1"
        assert headers["holdfast-url"] == "https://other.example/p%C3%A4th/x?q=1&r=%C3%A4%20b"
        assert headers["content-length"] == "4"

        class Request:
            url, method, headers = "http://h/", "GET", {"a": "b"}

        method, target, headers, body = decode(await (await service.fetch(Request())).bytes())
        assert (method, target, headers["a"], body) == ("GET", "/", "b", b"")
        assert "transfer-encoding" not in headers

    run(place, serve, act)


def test_the_runtimes_own_request_and_response_types_are_used(place: Place) -> None:
    class Request:
        def __init__(self, given: str, init: dict) -> None:
            self.url, self.method, self.headers, self.body = given, "PUT", {"x-form": "1"}, b"&".join(init["form"])

    async def serve(asked: Asked) -> None:
        asked.answer(200, await asked.body() + asked.headers["x-form"].encode())

    async def main() -> None:
        binding = Binding("SVC", "service", {"worker_id": "worker-b", "entrypoint": None})
        hooks = Hooks(request=Request, response=lambda status, headers, body: (status, dict(headers), body))
        async with (
            served(place, version("a", [binding]), version("b")),
            worker(Sockets.of(place.runtime, "b").inner, serve),
            client(place, "a", hooks) as made,
        ):
            service = made.env([{"name": "SVC", "kind": "service"}])["SVC"]
            status, headers, body = await service.fetch("http://x/", form=[b"a=1", b"b=2"])
            assert (status, headers) == (200, {"content-length": "8"})
            assert b"".join([part async for part in body]) == b"a=1&b=21"

    uvloop.run(main())


def test_requests_that_would_smuggle_are_refused(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        raise AssertionError("called")

    async def act(service) -> None:
        for url in ("ftp://x/", "x", "http:///x", "http://a b/", "file:///etc/passwd"):
            with pytest.raises(TypeError, match="Invalid URL"):
                await service.fetch(url)
        for headers in ({"a": "b\r\nholdfast-depth: 0"}, {"a\r\nb": "c"}, {"a b": "c"}, {"": "x"}, {"a": "\0"}):
            with pytest.raises(TypeError, match="cannot be sent"):
                await service.fetch("http://x/", headers=headers)
        for method in ("GET /\r\n", "CONNECT", "", "TRACE"):
            with pytest.raises((TypeError, AssertionError), match="method"):
                await service.fetch("http://x/", method=method or " ")

    run(place, serve, act)


def test_bodies_stream_both_ways_at_once(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        asked.head(200, {"transfer-encoding": "chunked"})
        async for part in asked.parts():
            await asked.chunk(part.upper())
        asked.writer.write(b"0\r\n\r\n")

    async def act(service) -> None:
        more: asyncio.Queue[bytes | None] = asyncio.Queue()

        async def body():
            while (part := await more.get()) is not None:
                yield part

        more.put_nowait(b"first")
        answer = await service.fetch("http://x/", method="POST", body=body())
        parts = aiter(answer.body)
        assert await anext(parts) == b"FIRST"
        more.put_nowait(b"second")
        assert await anext(parts) == b"SECOND"
        more.put_nowait(None)
        assert [part async for part in parts] == []

    run(place, serve, act)


def test_a_long_body_waits_for_its_reader(place: Place) -> None:
    sent = 0

    async def serve(asked: Asked) -> None:
        nonlocal sent
        asked.head(200, {"transfer-encoding": "chunked"})
        for _ in range(400):
            await asked.chunk(b"x" * 65536)
            sent += 65536
        asked.writer.write(b"0\r\n\r\n")

    async def act(service) -> None:
        answer = await service.fetch("http://x/")
        await asyncio.sleep(0.5)
        assert sent < 6 * 1024 * 1024, "nobody read, and it was taken all the same"
        assert len(await answer.bytes()) == 400 * 65536

    run(place, serve, act)


def test_a_caller_that_goes_away_ends_the_call(place: Place) -> None:
    ended = asyncio.Event()

    async def serve(asked: Asked) -> None:
        asked.head(200, {"transfer-encoding": "chunked"})
        await asked.chunk(b"begin")
        assert await asked.reader.read() == b""
        ended.set()

    async def act(service) -> None:
        answer = await service.fetch("http://x/")
        parts = answer.body.__aiter__()
        assert await anext(parts) == b"begin"
        await parts.aclose()
        async with asyncio.timeout(5):
            await ended.wait()

    run(place, serve, act)


def test_answers_whose_bodies_nobody_reads_hold_no_connection(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        if asked.target == "/none":
            asked.answer(204)
        elif asked.target == "/long":
            asked.head(200, {"transfer-encoding": "chunked"})
            for _ in range(100):
                await asked.chunk(b"x" * 65536)
            asked.writer.write(b"0\r\n\r\n")
        else:
            asked.answer(200, b"small")

    async def act(service) -> None:
        for path in ("/none", "/small", "/long"):
            for _ in range(10):
                assert (await service.fetch(f"http://x{path}")).status in (200, 204)
            assert (await service.fetch("http://x/small", method="HEAD")).status == 200

    run(place, serve, act, limits=Limits(connections=8))


def test_an_answer_that_ends_in_the_middle_is_an_error_and_bodies_may_fail(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        asked.head(200, {"content-length": "100"})
        asked.writer.write(b"only this")

    async def act(service) -> None:
        answer = await service.fetch("http://x/")
        with pytest.raises(BindingError, match="ended before it had answered"):
            await answer.bytes()

        async def body():
            yield b"x"
            raise RuntimeError("the source failed")

        with pytest.raises((BindingError, RuntimeError)):
            await (await service.fetch("http://x/", method="PUT", body=body())).bytes()

    run(place, serve, act)


def test_other_calls_on_a_connection_that_streams_are_a_fault(place: Place) -> None:
    async def serve(asked: Asked) -> None:
        await asked.reader.read()

    async def act(service) -> None:
        link = await service._client.dial()
        head = {"method": "POST", "url": "http://x/", "headers": [], "length": None, "body": True}
        parts = link.begin(0, 1, encode([head, 0]))
        link.call(0, 0, encode(["method", 0, b""]))
        kind, _ = await parts.get()
        assert kind == frames.FAULT

    run(place, serve, act)


def test_a_worker_that_is_not_there_is_told_in_words(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.runtime.bindings.inner._PATIENCE", 0.1)

    async def main() -> None:
        bindings = [
            Binding("SVC", "service", {"worker_id": "worker-b", "entrypoint": None}),
            Binding("NONE", "service", {"worker_id": "worker-c", "entrypoint": None}),
        ]
        async with served(place, version("a", bindings), version("b")), client(place, "a") as made:
            env = made.env([{"name": "SVC", "kind": "service"}, {"name": "NONE", "kind": "service"}])
            for service, words in ((env["SVC"], "b cannot be reached"), (env["NONE"], "is not deployed")):
                with pytest.raises(BindingError, match=words):
                    await service.method()
                with pytest.raises(BindingError, match=words):
                    await service.fetch("http://x/")

    uvloop.run(main())
