"""`holdfast db connect` as tests run it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "databases"))

from journey import Served

from holdfast.commands.demo.temporary import environment
from holdfast.hosts.keeper import KeeperClient


@dataclass
class Outside:
    """`holdfast db connect` as a process of its own."""

    served: Served

    def env(self, key: str | None = None) -> dict[str, str]:
        """This installation's over admin.sock, or over HTTP with a key."""
        if key is None:
            return environment(self.served.root)
        port = KeeperClient(self.served.root / "run" / "keeper.sock").info().control_port
        return environment(self.served.root) | {"HOLDFAST_URL": f"http://127.0.0.1:{port}", "HOLDFAST_API_KEY": key}

    def run(self, *words: str, key: str | None = None, path: str | None = None) -> subprocess.CompletedProcess[str]:
        env = self.env(key) | ({"PATH": path} if path else {})
        argv = [sys.executable, "-m", "holdfast.cli", "db", "connect", *words]
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)

    @contextmanager
    def tunnel(self, database: str, *words: str, key: str | None = None) -> Iterator[dict[str, Any]]:
        """What --print-url says with --json, while it is open; `process` with it."""
        argv = [sys.executable, "-m", "holdfast.cli", "db", "connect", database, "--print-url", "--json", *words]
        child = subprocess.Popen(argv, env=self.env(key), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert child.stdout is not None
        try:
            text, depth = "", 0
            while True:
                line = child.stdout.readline()
                assert line, child.stderr.read() if child.stderr else ""
                text, depth = text + line, depth + line.count("{") - line.count("}")
                if depth == 0:
                    break
            yield json.loads(text) | {"process": child}
        finally:
            child.send_signal(signal.SIGINT)
            _, words_left = child.communicate(timeout=60)
            assert child.returncode == 0, words_left
