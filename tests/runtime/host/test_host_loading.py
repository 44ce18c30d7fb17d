"""What a version's main module may be, and what is said when it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.runtime.python import programs

Start = Callable[..., Any]


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("import nothing_here\n", "ModuleNotFoundError", "'nothing_here' was not found. If it comes from a package"),
        ("def f(:\n", "SyntaxError", "entry.py, line 1: invalid syntax"),
        ("x = 1\n", "NoHandler", "define `class Default(WorkerEntrypoint)`"),
        ("def f():\n    return 1 / 0\nf()\n", "ZeroDivisionError", "importing entry.py failed"),
        ("import sys\nsys.exit(3)\n", "SystemExit", "importing entry.py failed"),
        (
            "from workers import import_from_javascript\nimport_from_javascript('cloudflare:email')\n",
            "ImportError",
            "CPython",
        ),
    ],
)
def test_a_module_that_cannot_run_is_told_in_words(start: Start, code: str, kind: str, words: str) -> None:
    host = start(code, wait=False)
    told = host.wait(lambda message: message["t"] == "fatal")["error"]
    assert told["type"] == kind
    assert words in told["message"]
    assert host.process.wait(timeout=5) == 70
    if kind == "ZeroDivisionError":
        assert told["stack"].splitlines()[:2] == ['  File "entry.py", line 3, in <module>', "    f()"]


def test_a_missing_main_module(start: Start) -> None:
    host = start({"other.py": ""}, "entry.py", wait=False)
    assert "not among the deployed files" in host.wait(lambda message: message["t"] == "fatal")["error"]["message"]


def test_a_main_module_outside_the_code_is_refused(start: Start) -> None:
    host = start({"entry.py": ""}, "../host_child.py", wait=False)
    assert "not among the deployed files" in host.wait(lambda message: message["t"] == "fatal")["error"]["message"]


def test_modules_beside_main_and_in_a_package(start: Start) -> None:
    files = {
        "src/entry.py": "from workers import Response\nimport beside\ndef on_fetch(r): return Response(beside.x)\n",
        "src/beside.py": "x = 'beside'\n",
    }
    assert start(files, "src/entry.py").get("/").text == "beside"
    files = {
        "shop/__init__.py": "",
        "shop/main.py": "from workers import Response\nfrom .near import x\ndef on_fetch(r):\n    return Response(x)\n",
        "shop/near.py": "x = 'near'\n",
    }
    assert start(files, "shop/main.py").get("/").text == "near"


@pytest.mark.parametrize("where", ["vendor", "src/vendor"])
def test_packages_that_the_project_brings_along(start: Start, where: str) -> None:
    """`vendor/`, as in the published example of vendoring: no import names the folder."""
    files = {
        "src/entry.py": "import teapot\nfrom workers import Response\ndef on_fetch(r): return Response(teapot.SAYS)\n",
        f"{where}/teapot/__init__.py": "SAYS = 'short and stout'\n",
    }
    assert start(files, main="src/entry.py").get("/").text == "short and stout"


def test_an_exception_shows_the_users_frames(start: Start) -> None:
    code = """
import json
from workers import WorkerEntrypoint

def parse(text):
    return json.loads(text)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return parse("{nothing")
"""
    host = start(code)
    answer = host.get("/x")
    record = host.invocation(path="/x")
    assert answer.status_code == 500
    assert answer.text == f"the worker failed (invocation {record['id']})"
    assert record["outcome"] == "exception"
    assert record["error"]["type"] == "json.decoder.JSONDecodeError"
    stack = record["error"]["stack"]
    assert '  File "entry.py", line 10, in Default.fetch\n    return parse("{nothing")\n' in stack
    assert '  File "entry.py", line 6, in parse\n' in stack
    assert "decoder.py" not in stack
    assert "http1" not in stack
    assert host.logs(record["id"]) == [("error", stack)]


def test_a_fetch_that_returns_no_response_is_told(start: Start) -> None:
    host = start(
        "from workers import *\nclass Default(WorkerEntrypoint):\n    def fetch(self, request):\n        return {}\n"
    )
    assert host.get("/").status_code == 500
    assert "must return a Response, not dict" in host.invocation(path="/")["error"]["message"]


def test_output_by_level(start: Start) -> None:
    code = """
import logging, sys
from workers import Response
logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
def on_fetch(request):
    print("one\\ntwo", end="")
    print("problem", file=sys.stderr)
    logging.getLogger("shop").info("sold %d", 3)
    logging.debug("not shown")
    logging.error("bad")
    return Response("x")
"""
    host = start(code)
    host.get("/")
    lines = host.logs(host.invocation(path="/")["id"])
    assert sorted(lines) == sorted(
        [("info", "one"), ("error", "problem"), ("info", "shop: sold 3"), ("error", "root: bad"), ("info", "two")]
    )


def test_env_vars_secrets_and_version(start: Start) -> None:
    code = """
import os
from workers import WorkerEntrypoint, Response, env, patch_env
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        assert env.GREETING == self.env.GREETING == self.env["GREETING"]
        assert "NOPE" not in env
        with patch_env(GREETING="patched"):
            patched = env.GREETING
        try:
            self.env.NOPE
        except AttributeError as error:
            missing = str(error)
        print(self.env)
        return Response.json([env.GREETING, patched, env.KEY, os.environ.get("KEY"), missing,
                              self.env.META.id, self.env.META.tag, self.env.LIST])
"""
    parts = {
        "vars": {"GREETING": "hi", "LIST": [1]},
        "secrets": {"KEY": "s3cret"},
        "bindings": [{"name": "META", "kind": "version", "target": {}}],
    }
    host = start(code, **parts)
    told = host.get("/").json()
    assert told[:4] == ["hi", "patched", "s3cret", "s3cret"]
    assert told[4] == "this worker has no binding, variable or secret named 'NOPE' (it has: GREETING, KEY, LIST, META)"
    assert told[5:] == ["v1", "first", [1]]
    host.invocation(path="/")
    assert "s3cret" not in str(host.told)
    assert start(code, **parts, permits={"environment": False}).get("/").json()[3] is None


def test_plain_functions(start: Start) -> None:
    code = """
async def handler(services, params):
    if "set" in params:
        await services["cache"].set("k", params["set"], ttl=60)
        return None
    try:
        services.s3
    except AttributeError as error:
        note = str(error)
    return {"k": await services.cache.get("k"), "params": params, "note": note}
"""
    host = start(code, bindings=[{"name": "CACHE", "kind": "kv", "target": {}}])
    with host.client() as client:
        assert client.post("/?a=1", json={"set": "v"}).status_code == 204
        assert client.get("/?a=1").json() == {
            "k": "v",
            "params": {"a": "1"},
            "note": "services.s3: buckets are not there yet",
        }


def test_wsgi_application(start: Start) -> None:
    code = """
def app(environ, start_response):
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (bytes([65 + n]) * 1000 for n in range(5))
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    start_response("201 Created", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    print("wsgi", environ["PATH_INFO"])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["QUERY_STRING"].encode(), b" ", body]
"""
    host = start(code)
    with host.client() as client:
        answer = client.post("/x%20y?q=1", content=b"body")
        assert (answer.status_code, answer.text) == (201, "POST q=1 body")
        assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert client.get("/stream").text == "".join(chr(65 + n) * 1000 for n in range(5))
    assert host.logs(host.invocation(path="/x%20y")["id"]) == [("info", "wsgi /x y")]


def test_idle_is_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    host = start("from workers import Response\ndef on_fetch(r):\n    return Response('x')\n")
    assert host.wait(lambda told: told["t"] == "idle", seconds=8)["seconds"] >= 4.9


STARTS = """
from workers import Response
import asyncio, multiprocessing, os, subprocess, sys

async def on_fetch(request, env):
    said = []
    for start in (
        lambda: subprocess.run([sys.executable, "-c", ""]),
        lambda: subprocess.run("true", shell=True, close_fds=False),
        lambda: os.popen("true"),
        lambda: os.system("true"),
        lambda: os.spawnv(os.P_WAIT, "/bin/true", ["true"]),
        lambda: os.execvp("true", ["true"]),
        os.fork,
        lambda: multiprocessing.get_context("spawn").Process(target=print).start(),
        lambda: multiprocessing.get_context("fork").Process(target=print).start(),
    ):
        try:
            start()
        except PermissionError as error:
            said.append(str(error))
    for start in (asyncio.create_subprocess_exec, asyncio.create_subprocess_shell):
        try:
            await start("true")
        except PermissionError as error:
            said.append(str(error))
    return Response.json(said)
"""


def test_why_no_process_begins_is_said(start: Start) -> None:
    host = start(STARTS, permits={"subprocess": False})
    assert host.get("/").json() == ["[Errno 1] " + programs.WHY] * 11
