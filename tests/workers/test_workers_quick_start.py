"""docs/workers/quick-start.md, typed as it stands: its files written, its commands run, what it shows compared."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytest.register_assert_rewrite("faults_cluster")
from faults_cluster import Cluster, eventually, processes_of, short_directory  # noqa: E402
from interruptible import HOLDFAST  # noqa: E402
from needs import need  # noqa: E402
from own_index import own_index  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers-quick-start")]
PAGE = Path(__file__).parents[2] / "docs" / "workers" / "quick-start.md"
_BLOCK = re.compile(r"(?:`(shop/\S+)`:\n\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Reader:
    """Somebody with a terminal who types what the page says."""

    def __init__(self, it: Cluster) -> None:
        self.it = it
        self.env = {name: value for name, value in it.env.items() if name != "HOLDFAST_DATA"}
        self.place = it.root
        self.ports = {"7701": "7701", "8787": "8787"}  # the page's, and those that are free here
        self.said = ""
        self.dev: subprocess.Popen[bytes] | None = None

    def types(self, line: str) -> None:
        words = shlex.split(line)
        if words[0] == "cd":
            self.place /= words[1]
        elif words[0] == "export":
            name, _, value = words[1].partition("=")
            self.env[name] = value.replace("~", self.env["HOME"])
        elif words == ["holdfast", "dev"]:
            self._develops()
        elif words[:2] == ["holdfast", "tail"]:
            self._follows(words)
        else:
            self._runs(words)
        if line == "holdfast up --detach":
            assert self.it.settings.data == Path(self.env["HOLDFAST_DATA"])
        if words[:2] == ["holdfast", "deploy"]:
            self.ports["7701"] = str(self.it.info().apps_port)

    def _runs(self, words: list[str]) -> None:
        for page, here in self.ports.items():
            words = [each.replace(f"localhost:{page}", f"localhost:{here}") for each in words]
        if words[0] == "curl":
            words = [words[0], "--silent", "--show-error", "--fail-with-body", "--max-time", "60", *words[1:]]
        typed_in = "a secret value\n" if words[:3] == ["holdfast", "secret", "put"] else ""
        done = subprocess.run(
            self._argv(words),
            env=self.env,
            cwd=self.place,
            input=typed_in,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(words)}: {done.stdout}{done.stderr}"
        self.said = done.stdout

    def _develops(self) -> None:
        log = self.it.root / "dev.log"
        with log.open("wb") as words:
            self.dev = self._starts(["holdfast", "dev", "--port", "0"], words.fileno())
        eventually(lambda: "Ready on " in log.read_text() or self._gone(), 60, "a worker in development")
        found = re.search(r"Ready on http://localhost:(\d+) ", log.read_text())
        assert found, log.read_text()
        self.ports["8787"] = found[1]

    def _gone(self) -> bool:
        return self.dev is None or self.dev.poll() is not None

    def _follows(self, words: list[str]) -> None:
        """Until Ctrl-C."""
        log = self.it.root / "tail.log"
        with log.open("wb") as told:
            child = self._starts(words, told.fileno())
        try:
            eventually(lambda: "Following shop" in log.read_text() or child.poll() is not None, 30, "a tail")
        finally:
            assert _interrupted(child) == 130, log.read_text()  # as a shell tells Ctrl-C

    def _starts(self, words: list[str], told: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._argv(words),
            env=self.env | {"PYTHONUNBUFFERED": "1"},
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            start_new_session=True,
        )

    def _argv(self, words: list[str]) -> list[str]:
        return [*HOLDFAST, *words[1:]] if words[0] == "holdfast" else words

    def stop_developing(self) -> None:
        if self.dev is not None:
            assert _interrupted(self.dev) == 0
            self.dev = None


def _interrupted(child: subprocess.Popen[bytes]) -> int:
    """How it ended at Ctrl-C."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
    try:
        return child.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        return child.wait()


@contextmanager
def reader(root: Path, **variables: str) -> Iterator[Reader]:
    it = Cluster(root, data=root / "holdfast", **variables)
    made = Reader(it)
    try:
        yield made
        eventually(lambda: processes_of(root) == {}, 5, "the page's last line ends everything")  # lock first, then it
    finally:
        if made.dev is not None:
            _interrupted(made.dev)
        if processes_of(root):
            it.cli("down", seconds=60)


def test_the_quick_start_does_what_it_says(tmp_path: Path) -> None:
    need(shutil.which("curl"), "the program curl")
    page = PAGE.read_text()
    typed: list[str] = []
    shown = 0
    with (
        short_directory() as root,
        own_index(tmp_path, "fastapi") as index,
        reader(root, UV_DEFAULT_INDEX=index) as you,
    ):
        for name, kind, text in _BLOCK.findall(page):
            if name:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            elif kind == "json":
                assert json.loads(you.said) == json.loads(text)
                shown += 1
            elif kind == "text":
                assert you.said == text
                shown += 1
            else:
                assert kind == "", f"a block of {kind} that is neither a file nor an answer"
                for line in text.splitlines():
                    if line.startswith("export"):
                        you.stop_developing()  # Ctrl-C in the other terminal
                    you.types(line)
                    typed.append(line)
        assert (root / "shop" / "typings" / "workers" / "bindings.pyi").is_file()
    assert typed[-1] == "holdfast down"
    assert shown == page.count("```json\n") + page.count("```text\n") >= 3
