"""The stubs for editors are made from the module and fit a worker."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.runtime import env_stubs, wrangler
from holdfast.runtime.python import stubs, workers

WORKER = """
from typing import assert_type

from workers import File, Response, WorkerEntrypoint, env, fetch, patch_env, Request, RpcStub, RpcTarget, WebSocketPair
from workers import wait_until
from workers.asgi import entrypoint


class Counter(RpcTarget):
    def increment(self) -> int:
        return 1


class Default(WorkerEntrypoint):
    async def count(self, told: RpcStub) -> Counter:
        with told.dup() as mine:
            await mine(1, b=2)
            await mine.method(await mine.value)
        return Counter()

    async def fetch(self, request: Request) -> Response:
        answer = await fetch("https://example.org", method="POST", timeout=3)
        assert_type(answer.status, int)
        assert_type(await answer.text(), str)
        assert_type(await answer.bytes(), bytes)
        assert_type(answer.headers.get("x"), str | None)
        form = await request.form_data()
        for value in form.values():
            if isinstance(value, File):
                assert_type(value.name, str)
        client, server = WebSocketPair()
        self.ctx.waitUntil(answer.text())
        with patch_env(A="b"):
            print(env.A)
        answer.nothing  # error: [attr-defined]
        return Response.from_json({"a": 1}, status=201)
"""


def test_every_export_has_a_stub() -> None:
    files = stubs.generate()
    named: set[str] = set()
    for node in ast.parse(files["workers/__init__.pyi"]).body:
        named.add(getattr(node, "name", ""))
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        named.update(each.id for each in targets if isinstance(each, ast.Name))
    assert set(workers.__all__) <= named
    for path, text in files.items():
        assert "holdfast.runtime" not in text, path
        ast.parse(text)


@pytest.mark.slow
def test_a_worker_type_checks_against_the_stubs(tmp_path: Path) -> None:
    written = stubs.write(tmp_path / "typings")
    assert all(path.exists() for path in written)
    (tmp_path / "worker.py").write_text(WORKER)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "worker.py"],
        cwd=tmp_path,
        env={"MYPYPATH": "typings", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in checked.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1, checked.stdout + checked.stderr
    assert '"Response" has no attribute "nothing"' in errors[0]


BOUND = """
from typing import assert_type

from workers import Response, WorkerEntrypoint, env
from workers.bindings import D1Database, Env, JsDict, KvNamespace


class Default(WorkerEntrypoint):
    async def fetch(self) -> Response:
        assert_type(self.env.DB, D1Database)
        assert_type(await self.env.DB.prepare("select ?").bind(1).all(), JsDict)
        assert_type(env.CACHE, KvNamespace)
        await env.CACHE.put("a", "b", expirationTtl=60)
        assert_type(env.RETRIES, int)
        assert_type(env.TOKEN, str)
        assert_type((await env.WORDS.fetch("https://words/")).status, int)
        print(await env.WORDS.count("a b"), (await env.LIMITER.limit({"key": "a"})).success, env.VERSION.id)
        env.MISSING  # error: [attr-defined]
        return Response("")


async def on_fetch(request: object, env: Env) -> None:
    print(env.DB, env["DB"])
"""
BINDING = """{"name": "a", "main": "a.py", "vars": {"RETRIES": 3}, "secrets": {"required": ["TOKEN"]},
"kv_namespaces": [{"binding": "CACHE", "id": "c"}], "d1_databases": [{"binding": "DB", "database_name": "d"}],
"services": [{"binding": "WORDS", "service": "words"}], "version_metadata": {"binding": "VERSION"},
"ratelimits": [{"name": "LIMITER", "namespace_id": "1", "simple": {"limit": 1, "period": 10}}]}"""


@pytest.mark.slow
def test_a_worker_type_checks_against_its_own_env(tmp_path: Path) -> None:
    files = env_stubs.generate(wrangler.parse(BINDING))
    for text in files.values():
        assert "holdfast.runtime" not in text
    env_stubs.write(tmp_path / "typings", files)
    (tmp_path / "worker.py").write_text(BOUND)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "worker.py"],
        cwd=tmp_path,
        env={"MYPYPATH": "typings", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in checked.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1, checked.stdout + checked.stderr
    assert '"Env" has no attribute "MISSING"' in errors[0]
