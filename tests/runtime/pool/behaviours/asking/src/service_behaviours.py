"""Service bindings and RPC, as workerd's own Python tests call them."""

import asyncio
import json
from datetime import UTC, datetime

import js
from expecting import raises
from pyodide.ffi import JsException, to_js

from workers import Blob, Request, Response


async def methods_take_and_give_plain_values(env):
    assert await env.OTHER.no_args() == "hello from python"
    assert await env.OTHER.one_arg(42) == "42"
    for value in ("test", [1, 2, 3], {"key": 42}, 42, 1.2345, False, True, None, {"a": 1, "b": {"c": None}}):
        found = await env.OTHER.identity(value)
        assert json.dumps(found) == json.dumps(value)
        assert type(found) is type(value) or isinstance(found, dict)
    assert await env.OTHER.named(1, b=3) == {"a": 1, "b": 3}


async def dicts_have_attributes(env):
    assert (await env.OTHER.identity({"a": {"b": [{"c": 1}]}})).a.b[0].c == 1
    assert await env.OTHER.kind({"a": 1}) == "JsDict"


async def moments_come_back_as_moments(env):
    now = datetime.now(UTC)
    assert await env.OTHER.identity(now) == now
    assert all(isinstance(each, datetime) for each in await env.OTHER.identity([now, js.Date.new()]))
    assert (await env.OTHER.at_once()).year == 2026


async def sets_stay_sets(env):
    found = await env.OTHER.identity({1, 2, 3})
    assert isinstance(found, set)
    assert 2 in found
    assert 42 not in found


async def bytes_arrive_as_a_memoryview(env):
    for value in (b"binary", memoryview(b"binary"), js.Uint8Array.new(b"binary")):
        found = await env.OTHER.identity(value)
        assert isinstance(found, memoryview)
        assert bytes(found) == b"binary"
    assert await env.OTHER.kind(b"x") == "memoryview"


async def javascript_objects_and_errors_are_values(env):
    found = await env.OTHER.identity(to_js({"foo": 42}, dict_converter=js.Object.fromEntries))
    assert isinstance(found, dict)
    assert found["foo"] == 42
    assert await env.OTHER.identity(js.undefined) is None
    error = await env.OTHER.identity(js.Error.new("message"))
    assert isinstance(error, Exception)
    assert str(error) == "message"


async def what_does_not_travel_is_told(env):
    class Custom:
        pass

    for value in (Custom(), complex(1.23), range(0, 30, 5)):
        with raises(JsException, "^DataCloneError"):
            await env.OTHER.one_arg(value)
    waiting = asyncio.sleep(0)
    for value in ((1, 2), bytearray(b"x"), [(1,)], {"a": (1,)}, waiting):
        with raises(TypeError):
            await env.OTHER.identity(value)
    waiting.close()


async def answers_and_requests_travel(env):
    answer = await env.OTHER.handle_response(Response("an answer", status=201, headers={"x-a": "b"}))
    assert isinstance(answer, Response)
    assert (answer.status, answer.headers["x-a"], await answer.text()) == (201, "b", "an answer")
    request = await env.OTHER.handle_request(Request("https://test.example/x", method="POST", body="told"))
    assert isinstance(request, Request)
    assert (request.method, request.url, await request.text()) == ("POST", "https://test.example/x", "told")
    inside = await env.OTHER.identity({"list": [Response(None, status=204)]})
    assert inside.list[0].status == 204


async def blobs_travel(env):
    blob = await env.OTHER.handle_blob(Blob("test", content_type="text/plain"))
    assert isinstance(blob, Blob)
    assert (blob.content_type, await blob.text()) == ("text/plain", "test")


async def each_call_has_an_instance_of_its_own(env):
    assert [await env.OTHER.count(), await env.OTHER.count()] == [1, 1]


async def method_names_of_generators_work(env):
    told = [await env.OTHER.send("a"), await env.OTHER.next("b"), await env.OTHER.throw("c"), await env.OTHER.close()]
    assert told == ["sent:a", "next:b", "throw:c", "closed"]


async def wait_until_outlives_the_call(env):
    await env.OTHER.sooner_or_later()
    assert "done" not in await env.OTHER.seen()
    await asyncio.sleep(0.3)
    assert "done" in await env.OTHER.seen()


async def exceptions_come_back_by_name(env):
    with raises(JsException, "no such order"):
        await env.OTHER.fail()
    found = await asyncio.gather(env.OTHER.fail(), return_exceptions=True)
    assert [each.name for each in found] == ["LookupError"]
    for name in ("nothing", "env", "fetch_", "__init__"):
        with raises((JsException, TypeError, AttributeError)):
            await getattr(env.OTHER, name)()


async def the_binding_is_no_list(env):
    assert env.OTHER
    with raises(TypeError, "has no len"):
        len(env.OTHER)
    with raises(TypeError, "is not iterable"):
        list(env.OTHER)


async def an_entrypoint_is_the_bindings(env):
    assert await env.NAMED.who() == "named"
    with raises(JsException):
        await env.OTHER.who()


async def fetch_takes_a_url_and_options(env):
    answer = await env.OTHER.fetch("http://a.example/sub", headers={"X-Sent": 123})
    assert isinstance(answer, Response)
    assert (answer.status, answer.headers.get("x-seen"), await answer.text()) == (201, "123, 123", "Hi there!")
    assert await (await env.OTHER.fetch("http://a.example/")).text() == "the other worker's"


async def fetch_takes_a_request(env):
    request = Request("http://a.example/told", method="PUT", body="in here")
    assert await (await env.OTHER.fetch(request)).json() == ["PUT", "http://a.example/told", "in here"]
    again = await env.OTHER.fetch(Request("http://a.example/told"), method="POST", body="more")
    assert await again.json() == ["POST", "http://a.example/told", "more"]


async def fetch_follows_no_redirect(env):
    answer = await env.OTHER.fetch("http://a.example/moved", redirect="manual")
    assert (answer.status, answer.headers["location"]) == (301, "http://elsewhere.example/sub")


async def fetch_refuses_what_is_no_request(env):
    for url in ("ftp://a.example/", "nonsense", "http://"):
        with raises((TypeError, ValueError)):
            await env.OTHER.fetch(url)
    with raises(TypeError):
        await env.OTHER.fetch("http://a.example/", method="POST", body={"a": 1})
    with raises(TypeError):
        await env.OTHER.fetch("http://a.example/", body="a body for GET")


async def websockets_go_through(env):
    answer = await env.OTHER.fetch("http://room.example/chat", headers={"Upgrade": "websocket"})
    assert (answer.status, answer.headers["x-room"]) == (101, "one")
    socket = answer.webSocket
    socket.accept()
    socket.send("hello")
    assert await socket.receive() == "http://room.example/chat hello"
    socket.send(b"\x00\xff" * 100_000)
    assert await socket.receive() == b"\x00\xff" * 100_000
    socket.send("close")
    event = await socket.next_event()
    assert (event.type, event.code, event.reason) == ("close", 4001, "asked to")


async def websockets_close_from_this_side(env):
    answer = await env.OTHER.fetch(Request("http://room.example/", headers={"upgrade": "websocket"}))
    answer.web_socket.accept()
    answer.web_socket.close(4002, "enough")
    for _ in range(40):
        if ["closed", 4002] in await env.OTHER.seen():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the other worker never heard of the close")


async def an_upgrade_that_is_refused_is_an_answer(env):
    answer = await env.NAMED.fetch("http://a.example/", headers={"Upgrade": "websocket"})
    assert answer.status == 500
    assert answer.webSocket is None


async def bodies_of_fetch_stream_both_ways_at_once(env):
    more = asyncio.Queue()

    async def body():
        while (part := await more.get()) is not None:
            yield part

    more.put_nowait("first")
    answer = await env.OTHER.fetch("http://a.example/louder", method="POST", body=body())
    parts = answer.body
    assert await anext(parts) == b"FIRST"
    more.put_nowait(b"second")
    assert await anext(parts) == b"SECOND"
    more.put_nowait(b"x" * 3_000_000)
    more.put_nowait(None)
    assert sum([len(part) async for part in parts]) == 3_000_000


async def an_answer_that_nobody_reads_is_held_back(env):
    answer = await env.OTHER.fetch("http://a.example/endless/fetched")
    assert await anext(answer.body)
    await asyncio.sleep(0.4)
    assert 0 < await env.GIVING.progress("fetched") < 4_000_000
    assert await env.OTHER.no_args() == "hello from python"
    await answer.body.cancel()
    await closed(env, "fetched")


async def closed(env, name):
    for _ in range(40):
        if f"closed {name}" in await env.GIVING.heard():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the other worker goes on for nobody")


async def a_signal_ends_a_call_and_its_answer(env):
    with raises(JsException, "aborted due to timeout"):
        await env.OTHER.fetch("http://a.example/unread", signal=js.AbortSignal.timeout(50))
    controller = js.AbortController.new()
    answer = await env.OTHER.fetch("http://a.example/endless/signalled", signal=controller.signal)
    assert await anext(answer.body)
    controller.abort("enough")
    with raises(JsException, "enough"):
        await anext(answer.body)
    await closed(env, "signalled")


async def a_request_that_nobody_reads_is_held_back(env):
    sent = 0

    async def body():
        nonlocal sent
        while sent < 50_000_000:
            sent += 65536
            yield b"x" * 65536

    answer = await env.OTHER.fetch("http://a.example/unread", method="POST", body=body())
    assert 0 < sent < 4_000_000
    assert await answer.text() == "nothing was read"
