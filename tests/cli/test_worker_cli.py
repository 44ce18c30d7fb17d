"""A worker from its folder by the verbs Wrangler's users know, on a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cli_kit import Ran, run
from interruptible import HOLDFAST

SECONDS = 60.0
ENTRY = """
from workers import Response

async def on_fetch(request, env):
    if "/boom" in request.url:
        raise ValueError("burnt toast")
    seen = int(await env.CACHE.get("seen") or 0) + 1
    await env.CACHE.put("seen", str(seen))
    print("cup", seen)
    said = {"word": "one", "token": getattr(env, "TOKEN", None), "method": request.method, "body": await request.text()}
    return Response.from_json(said, headers={"x-a": request.headers.get("x-a") or "-"})
"""
PROJECT = {
    "name": "kettle",
    "main": "src/entry.py",
    "kv_namespaces": [{"binding": "CACHE", "id": "kettle"}],
    "colour": "blue",
    "holdfast": {"network": ["api.example.org"]},
    "env": {"production": {"vars": {"WHERE": "production"}}},
}
Here = Callable[..., Ran]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("kettle")
    (where / "src").mkdir()
    (where / "src" / "entry.py").write_text(ENTRY)
    (where / "wrangler.jsonc").write_text(json.dumps(PROJECT))
    return where


@pytest.fixture(scope="module")
def environ(server: dict[str, str]) -> dict[str, str]:
    assert run(server, "project", "create", "kettles").code == 0
    return server | {"HOLDFAST_PROJECT": "kettles"}


@pytest.fixture(scope="module")
def here(environ: dict[str, str], folder: Path) -> Here:
    """A command in the worker's folder."""

    def call(*line: str, stdin: str = "", code: int = 0) -> Ran:
        ran = run(environ, *line, stdin=stdin, cwd=folder)
        assert ran.code == code, f"{line}: {ran.out}{ran.err}"
        return ran

    return call


def test_a_worker_is_deployed_called_and_taken_back(here: Here, folder: Path) -> None:
    dry = here("deploy", "--dry-run", "--json")
    assert dry.json["files"] == ["wrangler.jsonc", "src/entry.py"]
    assert dry.json["env"] == {"CACHE": "KvNamespace"}
    assert "unknown: colour" in dry.err
    assert "--accept-findings" in here("deploy", "--create-missing", code=5).err
    refused = json.loads(here("deploy", "--json", code=5).err)["error"]  # and nothing else: a script reads it
    assert [each["path"] for each in refused["details"]["findings"]] == ["colour"]
    entry = folder / "src" / "entry.py"
    entry.rename(folder / "src" / "else.py")
    assert "not among the files" in here("deploy", "--accept-findings", code=1).err
    (folder / "src" / "else.py").rename(entry)
    assert here("worker", "list", "--json").json == []  # nothing was sent
    made = here("deploy", "--create-missing", "--accept-findings", "--json").json
    assert made["worker"]["name"] == "kettle"

    put = here("secret", "put", "TOKEN", stdin="green tea\n")
    assert "green" not in put.out + put.err
    here("secret", "put", "TOKEN", code=2)  # nothing is piped in
    here("secret", "put", "TOKEN", "green", code=2)  # no value on the command line
    bulk = here("secret", "bulk", "--json", stdin='{"A": "1", "B": "2", "GONE": null}').json
    assert bulk == {"stored": ["A", "B"], "deleted": []}
    assert here("secret", "bulk", "--json", stdin="A=3\nC='4'\n").json["stored"] == ["A", "C"]
    assert here("secret", "bulk", "--json", stdin='{"B": null}').json == {"stored": [], "deleted": ["B"]}
    here("secret", "bulk", stdin='{"D": "1", "E": 5}', code=2)
    here("secret", "delete", "C", "--here", "--confirm", "C")
    listed = here("secret", "list", "--here", "--json").json
    assert {each["name"]: each["version"] for each in listed} == {"A": 2, "TOKEN": 1}
    of_all = here("secret", "list", "--json").json  # of the environment: it says whose each is
    assert {each["resource_id"] for each in of_all} == {made["worker"]["id"]}

    answer = here("invoke", "/cups?a=1", "-X", "post", "-H", "x-a: b", "-d", "milk", "--json").json
    assert answer["status"] == 200
    assert ["x-a", "b"] in answer["headers"]
    said = {"word": "one", "token": "green tea", "method": "POST", "body": "milk"}
    assert json.loads(answer["body"]) == said
    plain = here("invoke")
    assert plain.err.startswith("200 in ")
    assert json.loads(plain.out)["method"] == "GET"

    (folder / "src" / "entry.py").write_text(ENTRY.replace('"one"', '"two"'))
    (folder / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.99"\n')
    again = here("deploy", "--accept-findings", "--tag", "second")
    assert "no effect: pyproject.toml: requires-python says >=3.99: workers run on Python 3." in again.err
    assert "not given: network api.example.org. See: holdfast worker update kettle --set permits.network=" in again.err
    assert json.loads(here("invoke").out)["word"] == "two"
    assert "development" in here("worker", "list").out
    versions = here("versions", "list", "--json").json
    assert [(each["number"], each["tag"]) for each in versions] == [(2, "second"), (1, None)]
    assert here("worker", "versions", "kettle", "--json").json == versions
    assert "+    said" in here("versions", "diff", "second").out
    assert "CACHE (KV)" in here("versions", "view", "2").out
    assert here("versions", "tag", "1", "first", "--json").json["tag"] == "first"
    here("worker", "case", "save", "kettle", "says two", "/", "--status", "200", "--contains", '"two"')
    (folder / "src" / "entry.py").write_text(ENTRY.replace('"one"', '"three"'))
    refused = here("deploy", "--accept-findings", "--run-cases", code=5).err
    assert "1 of 1 cases of version 3 failed: says two: the body does not contain" in refused
    assert json.loads(here("invoke").out)["word"] == "two"
    here("worker", "case", "save", "kettle", "says two", "/", "--contains", '"three"')
    here("deploy", "--accept-findings", "--run-cases")
    assert json.loads(here("invoke").out)["word"] == "three"
    here("worker", "promote", "kettle", "2=100", "4=0", "--accept-findings")
    here("worker", "case", "run", "kettle", code=1)
    here("worker", "case", "run", "kettle", "--version", "4")
    here("worker", "rollback", "kettle", "4")
    here("rollback", "first", "-m", "too sweet")
    assert json.loads(here("invoke", "--version", "first").out)["word"] == "one"
    assert here("versions", "tag", "1", "--json").json["tag"] is None
    here("versions", "view", "third", code=2)
    for doomed in (("kv", "namespace", "delete", "kettle"), ("db", "delete", "kv-kettle")):
        unsure = here(*doomed, code=2).err  # nobody typed its name
        assert "1 worker is bound to it and will fail without it: kettle" in unsure


def test_without_a_folder_a_name_is_asked_for(environ: dict[str, str], tmp_path: Path) -> None:
    ran = run(environ, "versions", "list", cwd=tmp_path)
    assert ran.code == 2
    assert "--name WORKER" in ran.err
    assert run(environ, "versions", "list", "--name", "kettle", cwd=tmp_path).code == 0
    assert run(environ, "tail", "--name", "nobody", cwd=tmp_path).code == 3
    assert run(environ, "tail", "kettle", "--status", "6xx", cwd=tmp_path).code == 2


def test_an_environment_of_that_name_is_the_files_too(here: Here) -> None:
    assert here("deploy", "--dry-run", "--env", "production", "--json").json["name"] == "kettle-production"
    top = here("deploy", "--dry-run", "--env", "production", "--wrangler-env", "", "--json").json
    assert top["name"] == "kettle"


def test_types_are_written_for_an_editor(here: Here, folder: Path) -> None:
    assert here("types", "--json").json["env"] == {"CACHE": "KvNamespace"}
    assert "CACHE: KvNamespace" in (folder / "typings" / "workers" / "bindings.pyi").read_text()


class Tail:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.said: list[str] = []
        for pipe, take in ((process.stdout, self._event), (process.stderr, self.said.append)):
            assert pipe is not None
            Thread(target=lambda pipe=pipe, take=take: [take(each) for each in pipe], daemon=True).start()

    def _event(self, text: str) -> None:
        self.events.append(json.loads(text))

    def until(self, done: Callable[[], object]) -> None:
        ends = time.monotonic() + SECONDS
        while not done():
            assert time.monotonic() < ends, (self.events, self.said)
            time.sleep(0.05)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["type"] == kind]


@contextmanager
def tailing(environ: dict[str, str], folder: Path, *line: str) -> Iterator[Tail]:
    process = subprocess.Popen(
        [*HOLDFAST, "tail", "--json", *line],
        env=environ,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    tail = Tail(process)
    try:
        tail.until(lambda: any("Following kettle" in each for each in tail.said))
        yield tail
    finally:
        process.kill()
        process.wait()


def test_a_tail_hears_what_happens_and_outlives_the_server(here: Here, environ: dict[str, str], folder: Path) -> None:
    with tailing(environ, folder) as every, tailing(environ, folder, "--status", "5xx", "--search", "TOAST") as failed:
        began = time.monotonic()
        here("invoke", "/tea")
        every.until(lambda: every.of("invocation"))
        assert time.monotonic() - began < 15  # it was told: looking by itself takes twenty seconds
        assert [each["text"][:3] for each in every.of("log") if each["level"] == "info"] == ["cup"]
        assert every.of("invocation")[0]["path"] == "/tea"

        os.kill(here("status", "--json").json["keeper"]["parts"]["api"]["pid"], signal.SIGTERM)
        every.until(lambda: any("waiting for the server" in each for each in every.said))
        every.until(lambda: any("The server is back" in each for each in every.said))
        answer = here("invoke", "/boom", "--json").json
        assert answer["status"] == 500
        every.until(lambda: any(each["path"] == "/boom" for each in every.of("invocation")))
        failed.until(lambda: failed.events)
        (one,) = failed.events
        assert (one["type"], one["status"], one["error"]["message"]) == ("invocation", 500, "burnt toast")
        for each in (every, failed):
            each.process.send_signal(signal.SIGINT)
            assert each.process.wait(30) == 130
            assert not any("Traceback" in words for words in each.said)
