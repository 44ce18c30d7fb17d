"""Schemas, CORS, keys, rates and shares on a whole Holdfast: typed, asked through the edge, run in a sandbox."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("faults_cluster")
from faults_cluster import short_directory  # noqa: E402  its assertions explain themselves
from workers_house import project, zipped  # noqa: E402

from holdfast.hosts.keeper import KeeperClient  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers-whole")]
CODE = """
from workers import Response

async def on_fetch(request, env):
    print("heard", request.method)
    return Response("VERSION", headers={"x-total": "1"})
"""
ROUTES = [
    {
        "method": "POST",
        "path": "/items/{id}",
        "summary": "Change an item",
        "params": {"properties": {"id": {"type": "integer"}}},
        "body": {"type": "object", "required": ["price"], "properties": {"price": {"type": "number", "minimum": 0}}},
    }
]
SHOP = {"Origin": "https://shop.example.org"}


class Whole:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = os.environ | {
            "HOLDFAST_DATA": str(root / "data"),
            "HOLDFAST_RUNTIME": str(root / "run"),
            "HOLDFAST_MASTER_KEY_FILE": str(root / "master.key"),
            "HOLDFAST_CONTROL_PORT": "0",
            "HOLDFAST_APPS_PORT": "0",
            "XDG_CONFIG_HOME": str(root / "config"),
        }

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        argv = [sys.executable, "-m", "holdfast.cli", "--json", "up"]
        with (self.root / "up.log").open("wb") as errors:
            process = subprocess.Popen(argv, env=self.environment, stdout=subprocess.PIPE, stderr=errors)
        try:
            assert process.stdout is not None
            text = b""
            while True:
                line = process.stdout.readline()
                assert line, (self.root / "up.log").read_text()[-2000:]
                text += line
                with contextlib.suppress(ValueError):
                    json.loads(text)
                    break
            yield
        finally:
            process.terminate()
            process.wait(60)

    def typed(self, *line: str, code: int = 0) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "holdfast.cli", *line],
            env=self.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr + (self.root / "up.log").read_text()[-3000:]
        return json.loads(done.stdout) if "--json" in line and code == 0 else done.stdout

    def ask(self, method: str = "GET", path: str = "/", body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """Status, header fields, and the body: of JSON its value."""
        port = KeeperClient(self.root / "run" / "keeper.sock").info().apps_port
        line = http.client.HTTPConnection("127.0.0.1", int(port or 0), timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()} | {"Host": "shop.localhost"}
        raw = None if body is None else json.dumps(body)
        line.request(method, path, raw, given | ({"Content-Type": "application/json"} if raw else {}))
        answer = line.getresponse()
        said = answer.read()
        line.close()
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.status, answer.headers, json.loads(said) if is_json else said.decode()

    def until(self, fits: Callable[[], bool], seconds: float = 20.0) -> float:
        began = time.monotonic()
        while not fits():
            late = time.monotonic() > began + seconds
            assert not late, (self.ask(), (self.root / "up.log").read_text()[-3000:])
            time.sleep(0.02)
        return time.monotonic() - began


def laid_out(folder: Path, version: str) -> str:
    made = project("shop", code=CODE.replace("VERSION", version), holdfast={"routes": ROUTES})
    for path, content in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(str(content))
    return str(folder)


@pytest.fixture
def root() -> Iterator[Path]:
    with short_directory() as made:
        yield made


def test_who_may_ask_what(root: Path) -> None:
    it = Whole(root)
    with it.up():
        it.typed("deploy", laid_out(root / "shop", "one"), "--tag", "one")
        it.until(lambda: it.ask()[::2] == (200, "one"), 60)
        _schemas(it)
        _pages(it)
        _shares(it)
        _keys(it)
        _rates(it)


def _schemas(it: Whole) -> None:
    assert it.ask("POST", "/items/7", {"price": 1})[::2] == (200, "one")
    status, _, said = it.ask("POST", "/items/x", {"price": -1}, **SHOP)
    assert status == 422
    assert [(each["field"], each["in"], each["rule"]) for each in said["error"]["details"]["fields"]] == [
        ("params.id", "params", "type"), ("body.price", "body", "minimum")
    ]  # fmt: skip
    listed = ("worker", "invocations", "shop", "--json")
    it.until(lambda: [each["status"] for each in it.typed(*listed)][:1] == [422])
    logged = [each["text"] for each in it.typed("worker", "logs", "shop", "--json")]
    assert logged.count("heard POST") == 1, "the one that fitted"
    assert it.typed("worker", "openapi", "shop") == "POST    /items/{id}  Change an item\n"
    document = it.typed("worker", "openapi", "shop", "--json")
    assert document["paths"]["/items/{id}"]["post"]["requestBody"]["required"] is True


def _pages(it: Whole) -> None:
    """CORS: a page of the origin that is named, and one of any other."""
    cors = {"origins": [SHOP["Origin"]], "methods": ["POST"], "credentials": True, "expose": ["x-total"]}
    it.typed("worker", "update", "shop", "--set", f"cors={json.dumps(cors)}")
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    it.until(lambda: it.ask("OPTIONS", "/items/1", **SHOP, **asked)[0] == 204)
    _, fields, _ = it.ask("OPTIONS", "/items/1", **SHOP, **asked)
    assert (fields["access-control-allow-origin"], fields["access-control-allow-methods"]) == (SHOP["Origin"], "POST")
    assert it.ask("OPTIONS", "/items/1", Origin="https://evil.example", **asked)[0] == 403
    status, fields, _ = it.ask("POST", "/items/x", {}, **SHOP)
    assert (status, fields["access-control-allow-origin"]) == (422, SHOP["Origin"]), "a page may read what is wrong"
    assert (fields["access-control-allow-credentials"], fields["access-control-expose-headers"]) == ("true", "x-total")
    _, fields, _ = it.ask("GET", "/", Origin="https://evil.example")
    assert (fields["access-control-allow-origin"], fields["vary"]) == (None, "origin")


def _shares(it: Whole) -> None:
    """A version that takes no part is asked for by header or cookie; per cent by the client's address."""
    archive = it.root / "two.zip"
    archive.write_bytes(zipped(project("shop", code=CODE.replace("VERSION", "two"))))
    it.typed("worker", "upload", "shop", str(archive), "--tag", "two")
    it.typed("worker", "promote", "shop", "one=100", "two=0")
    it.until(lambda: it.ask(holdfast_version="two")[::2] == (200, "two"), 60)
    assert it.ask()[::2] == (200, "one")
    assert it.ask(Cookie="holdfast-version=two")[::2] == (200, "two")
    assert it.ask(holdfast_version="three")[0] == 404
    assert it.ask("POST", "/items/x", {}, holdfast_version="two")[::2] == (200, "two"), "it declares nothing"
    it.typed("worker", "promote", "shop", "one=0", "two=100")
    it.until(lambda: it.ask()[::2] == (200, "two"))
    it.typed("worker", "promote", "shop", "one")
    it.until(lambda: it.ask()[::2] == (200, "one"))


def _keys(it: Whole) -> None:
    it.typed("worker", "update", "shop", "--set", "protected=true")
    it.until(lambda: it.ask()[0] == 401)
    first = it.typed("worker", "key", "create", "shop", "partner").strip()
    it.until(lambda: it.ask(x_api_key=first)[0] == 200)
    assert it.typed("worker", "key", "list", "shop", "--json")[0]["name"] == "partner"
    second = it.typed("worker", "key", "rotate", "shop", "partner", "--overlap", "600").strip()
    it.until(lambda: it.ask(Authorization=f"Bearer {second}")[0] == 200)
    assert it.ask(x_api_key=first)[0] == 200, "in its overlap"
    third = it.typed("worker", "key", "rotate", "shop", "partner", "--overlap", "1").strip()
    it.until(lambda: it.ask(x_api_key=third)[0] == 200)
    assert it.ask(x_api_key=first)[0] == 401
    it.until(lambda: it.ask(x_api_key=second)[0] == 401, 5)
    it.until(lambda: bool(it.typed("worker", "key", "list", "shop", "--json")[0]["last_used_at"]))
    it.typed("worker", "key", "revoke", "shop", "partner")
    assert it.until(lambda: it.ask(x_api_key=third)[0] == 401) < 1, "at once"
    it.typed("worker", "update", "shop", "--set", "protected=false")
    it.until(lambda: it.ask()[0] == 200)


def _rates(it: Whole) -> None:
    it.typed("worker", "update", "shop", "--set", 'rate={"requests": 3, "seconds": 3600}')
    it.until(lambda: it.ask()[0] == 429)
    status, fields, said = it.ask()
    assert (status, said["error"]["code"]) == (429, "rate_limited")
    assert int(fields["retry-after"]) > 60
