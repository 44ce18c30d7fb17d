"""Ten workers in the style of the published ones, over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_values
import httpx
import pytest

from holdfast.runtime.python.workers.forms import parse_form

try:
    from holdfast.runtime.bindings import values  # type: ignore[attr-defined,unused-ignore]
except ImportError:
    values = fake_values  # type: ignore[assignment]

Start = Callable[..., Any]
EXAMPLES = Path(__file__).parent / "examples"
MESSAGE = {"vars": {"MESSAGE": "from env"}}


def example(start: Start, name: str, **more: Any) -> Any:
    return start({"entry.py": (EXAMPLES / f"{name}.py").read_text()}, **more)


def test_hello(start: Start) -> None:
    assert example(start, "hello").get("/").text == "Hello, world!"


def test_binding(start: Start) -> None:
    host = example(start, "binding", bindings=[{"name": "FOO", "kind": "kv", "target": {}}])
    assert host.get("/").text == "baz"


@pytest.mark.parametrize("bare", [False, True])
def test_fastapi(start: Start, bare: bool) -> None:
    code = (EXAMPLES / "fastapi_app.py").read_text()
    if bare:
        code = code[: code.index("class Default")]
    host = start(code, **MESSAGE)
    with host.client() as client:
        assert client.get("/").json() == {"message": "Hello"}
        told = client.get("/env", headers={"cf-connecting-ip": "192.0.2.7"}).json()
        assert told == {"message": "from env", "state": "yes", "client": "192.0.2.7"}
        assert client.get("/depends").json() == {"message": "from env"}
        assert client.get("/env-itself").json() == {"message": "from env"}
        assert client.get("/sync/21").json() == {"double": 42}
        assert client.post("/items", json={"name": "a", "price": "x"}).status_code == 422
        assert client.post("/items", json={"name": "a", "price": 1}).json() == {"name": "a", "price": 1.0}
        parts = (b"x" * 100_000 for _ in range(10))
        assert client.post("/upload", content=parts).json() == {"size": 1_000_000, "pieces": True}
        assert client.get("/stream").text == "0\n1\n2\n3\n4\n"
        assert client.get("/fail").status_code == 500
        assert client.get("/nothing").status_code == 404
    record = host.invocation(path="/fail")
    assert (record["outcome"], record["error"]["message"]) == ("exception", "from the application")
    assert ("info", "in a thread") in host.logs(host.invocation(path="/sync/21")["id"])
    assert host.stop() == 0
    assert [text for _, text in host.logs() if text in ("starting", "stopping")] == ["starting", "stopping"]


def test_query_and_javascript_names(start: Start) -> None:
    host = example(start, "query")
    assert host.get("/a?name=Ada").text == "/a Ada {'name': ['Ada']}"
    answer = host.get("/js?name=Ada")
    assert (answer.text, answer.headers["content-type"]) == ("js Ada", "text/plain")
    assert ("info", 'asked for {"name": "Ada"}') in host.logs(host.invocation(path="/js")["id"])


@pytest.mark.parametrize(
    ("parameters", "body", "answer"),
    [
        ("self", "'nothing'", "nothing"),
        ("self, request", "str(request.method)", "GET"),
        ("self, request, env", "env.MESSAGE", "from env"),
        ("self, request, env, ctx", "type(ctx).__name__ + env.MESSAGE", "Contextfrom env"),
        ("self, *rest", "str(len(rest))", "1"),
    ],
)
def test_fetch_is_given_what_it_takes(start: Start, parameters: str, body: str, answer: str) -> None:
    """Published: `fetch(self)` beside a schedule, `fetch(self, request, env)` beside a secret."""
    code = f"""
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    def fetch({parameters}):
        return Response({body})
"""
    assert start(code, **MESSAGE).get("/").text == answer


def test_run_sync_waits_in_threads_and_is_refused_on_the_loop(start: Start) -> None:
    code = """
import asyncio
from pyodide.ffi import run_sync
from workers import Response, WorkerEntrypoint

async def work(fails=False):
    await asyncio.sleep(0.01)
    if fails:
        raise KeyError("inside")
    return "worked"

def synchronous():
    try:
        run_sync(work(True))
    except KeyError as error:
        return run_sync(work()), str(error)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            run_sync(work())
        except RuntimeError as error:
            told = str(error)
        return Response.json([*await asyncio.to_thread(synchronous), told])
"""
    assert start(code).get("/").json() == [
        "worked",
        "'inside'",
        "run_sync cannot wait inside a running event loop here: make the function async and await",
    ]


def test_cron(start: Start) -> None:
    host = example(start, "cron")
    with host.inner() as inner:
        told = inner.post("/scheduled", json={"cron": "*/5 * * * *", "scheduledTime": 1000})
        assert told.json() == {"outcome": "ok"}
        bad = inner.post("/scheduled", json={"cron": "0 0 * * *", "scheduledTime": 2000}).json()
    assert bad["outcome"] == "exception"
    assert bad["error"]["message"] == "the nightly work failed"
    assert "in Default.scheduled" in bad["error"]["stack"]
    assert host.get("/").json() == [["*/5 * * * *", 1000, "scheduled"], "later"]
    assert host.invocation(trigger="scheduled", outcome="ok")["cpu_ms"] > 0
    assert host.get("/scheduled").json()[0][0] == "*/5 * * * *", "the public listener knows no /scheduled"


def test_legacy(start: Start) -> None:
    host = example(start, "legacy", **MESSAGE)
    with host.client() as client, host.inner() as inner:
        assert client.get("/").text == "legacy from env"
        assert client.post("/", json={"a": 1}).json() == {"got": {"a": 1}}
        assert inner.post("/scheduled", json={"cron": "* * * * *", "scheduledTime": 0}).json() == {"outcome": "ok"}
    assert ("info", "legacy cron * * * * * from env") in host.logs(host.invocation(trigger="scheduled")["id"])


def test_forms(start: Start) -> None:
    host = example(start, "forms")
    with host.client() as client:
        files = {"upload": ("ünï.txt", b"content", "text/plain")}
        told = client.post("/", data={"field": "välue"}, files=files).json()
        assert told == {"field": "välue", "upload": ["ünï.txt", "text/plain", "content"]}
        assert client.post("/", data={"a": "1 2", "b": "é"}).json() == {"a": "1 2", "b": "é"}
        made = client.get("/")
        form = parse_form(made.content, made.headers["content-type"])
        assert form["field"] == "value"
        assert (form["blob"].content_type, bytes(form["blob"])) == ("text/python", b"print(42)")
        assert form["file"].name == 'a "b".txt'
        assert client.post("/", content=b"x", headers={"content-type": "text/plain"}).status_code == 500


def test_rpc_and_service_fetch(start: Start) -> None:
    host = example(start, "rpc", **MESSAGE)
    with host.inner() as inner:

        def call(method: str, *arguments: Any, query: str = "", **named: Any) -> Any:
            answer = inner.post(f"/rpc/{method}{query}", content=values.encode_call(arguments, named))
            if answer.status_code == 500:
                return values.decode_error(answer.content)
            assert answer.status_code == 200
            return values.decode(answer.content)

        assert call("add", 1, b=2) == {"sum": 3, "env": "from env"}
        assert call("plain", {"inner": {"x": [1, None, "é"]}}) == [1, None, "é"]
        assert call("now") is True
        assert call("fail") == ("ValueError", "no such order")
        for method in ("_private", "__init__", "secret", "fetch", "nothing", "env"):
            kind, words = call(method)
            assert kind.endswith("NoEntrypoint"), words
        assert call("who", query="?entrypoint=Admin") == "admin"
        assert call("who", query="?entrypoint=Nobody")[0].endswith("NoEntrypoint")
        inner_headers = {"holdfast-service": "Admin", "holdfast-url": "https://shop/x?y"}
        assert inner.post("/ignored", content=b"body", headers=inner_headers).text == "admin https://shop/x?y body"
        plain = inner.get("/z", headers={"holdfast-service": "", "holdfast-url": "http://b/z"})
        assert plain.text == "public http://b/z"
        assert inner.get("/z").status_code == 404
    assert host.invocation(trigger="rpc", outcome="exception", path="fail")["error"]["type"] == "ValueError"


def test_declared_objects_and_workflows_load(start: Start) -> None:
    host = example(start, "workflows_and_objects")
    assert "no binding, variable or secret named 'COUNTER'" in host.get("/").text


def test_no_way_out_is_told(start: Start) -> None:
    host = example(start, "proxying")
    answer = host.get("/", headers={"x-target": "http://example.org/"})
    assert answer.text == "FetchError: this worker has no way out: the network is not permitted to it"
    assert host.get("/", headers={"x-target": "ftp://example.org/"}).text.startswith("ValueError: fetch takes http")
    assert httpx.codes(answer.status_code) == 502


def test_bytes_as_javascript_takes_them(start: Start) -> None:
    """As the published example that draws pictures answers: `to_js(data).buffer` is a body."""
    host = start(
        "from js import Uint8Array\n"
        "from pyodide.ffi import to_js\n"
        "from workers import Response, WorkerEntrypoint\n\n"
        "class Default(WorkerEntrypoint):\n"
        "    async def fetch(self, request):\n"
        "        parts = [to_js(kind(b'\\x89PNG')) for kind in (bytes, bytearray, memoryview)]\n"
        "        parts.append(Uint8Array.new(b'\\x89PNG'))\n"
        "        assert all(part.to_bytes() == b'\\x89PNG' for part in parts)\n"
        "        picked = parts[int(request.url[-1])]\n"
        "        return Response(picked.buffer, headers={'content-type': 'image/png'})\n"
    )
    for at in range(4):
        answer = host.get(f"/{at}")
        assert (answer.content, answer.headers["content-type"]) == (b"\x89PNG", "image/png")


def test_names_of_pyodide_that_published_workers_import(start: Start) -> None:
    """Values are Python's own: what would convert a proxy passes them on."""
    host = start(
        "from js import Object\n"
        "from pyodide.ffi import JsArray, JsBuffer, JsMap, JsPromise, JsProxy, can_run_sync, to_js\n"
        "from workers import Response\n\n"
        "def plain(value: JsProxy | JsArray[int]) -> object:\n"
        "    return value.to_py() if isinstance(value, JsProxy) else value\n\n"
        "async def on_fetch(request):\n"
        "    given = to_js({'a': [1]}, dict_converter=Object.fromEntries)\n"
        "    return Response.json({'given': plain(given), 'sync': can_run_sync()})\n"
    )
    assert host.get("/").json() == {"given": {"a": [1]}, "sync": False}
