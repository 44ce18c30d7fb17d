"""A metadata database, its jobs, and runners in threads or in processes of their own."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import metadata_home
import pytest

from holdfast.jobs import Jobs, Run, Runner, TaskRegistry
from holdfast.kernel.db import Database
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Wake


class World:
    """One installation's runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = metadata_home.url(root / "holdfast.db")
        self.db = Database(self.url)
        self.db.create_all()
        self.wake = Wake(root / "r")
        self.jobs = Jobs(self.db, wake=self.wake)
        self.children: list[subprocess.Popen[bytes]] = []

    def submit(self, kind: str, **options: Any) -> Run:
        with self.db.write() as conn:
            return self.jobs.submit(conn, kind=kind, actor="usr_1", project_id="prj_1", **options)

    def cancel(self, run_id: str) -> Run:
        with self.db.write() as conn:
            return self.jobs.cancel(conn, run_id)

    def run(self, run_id: str) -> Run:
        with self.db.read() as conn:
            found = self.jobs.get(conn, run_id)
        assert found
        return found

    def until(self, truth: Callable[[], Any], seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while not (value := truth()):
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.01)
        return value

    @contextmanager
    def runner(self, tasks: TaskRegistry, name: str = "r1", **options: Any) -> Iterator[Runner]:
        stop = Stop()
        made = Runner(self.db, tasks, name=name, scratch_root=self.root / "scratch", wake=self.wake, **options)
        thread = threading.Thread(target=made.run_forever, args=(stop,))
        thread.start()
        try:
            yield made
        finally:
            stop.stop()
            thread.join(20)
            assert not thread.is_alive()

    def process(self, name: str, lease: float = 15, **environ: str) -> subprocess.Popen[bytes]:
        """A runner in a process of its own: tests/jobs/runner_process.py has its tasks."""
        child = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("runner_process.py")),
                self.url,
                str(self.root),
                name,
                str(lease),
            ],
            env={**os.environ, **environ},
        )
        self.children.append(child)
        return child

    def lines(self) -> list[str]:
        """What side effects the tasks of `process` left, in order."""
        file = self.root / "effects"
        return file.read_text().split() if file.exists() else []

    def close(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        self.wake.close()
        self.db.close()


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="hf") as root:
        made = World(Path(root))
        yield made
        made.close()
