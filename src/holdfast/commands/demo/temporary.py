"""A Holdfast of its own for the demo: free ports, temporary directories, its own master key; gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from holdfast.client import Client
from holdfast.kernel.errors import HoldfastError, NeedsOperator, Retryable

_START_SECONDS = 120.0
_STOP_SECONDS = 90.0
_REMOVE_SECONDS = 10.0


def environment(root: Path, database_url: str | None = None) -> dict[str, str]:
    """Variables under which a Holdfast lives below `root`, whatever the caller's own say. `database_url` is for its
    metadata when that is not to be a file there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    metadata = {"HOLDFAST_DATABASE_URL": database_url} if database_url else {}
    return (
        kept
        | metadata
        | {
            "HOLDFAST_DATA": str(root / "data"),
            "HOLDFAST_RUNTIME": str(root / "run"),
            "HOLDFAST_MASTER_KEY_FILE": str(root / "master.key"),
            "HOLDFAST_CONTROL_PORT": "0",
            "HOLDFAST_APPS_PORT": "0",
        }
    )


@contextmanager
def temporary_holdfast(database_url: str | None = None, more: Mapping[str, str] | None = None) -> Iterator[Client]:
    """A client of a server that lives as long as the context; `more` are variables of it. Raises NeedsOperator with its
    last words."""
    root = Path(tempfile.mkdtemp(prefix="hf-demo-"))
    log = root / "up.log"
    with log.open("wb") as words:
        # A session of its own: Ctrl-C in the demo must not stop the server before the demo has cleaned up.
        child = subprocess.Popen(
            [sys.executable, "-m", "holdfast.cli", "up", "--data", str(root / "data")],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env=environment(root, database_url) | dict(more or {}),
            start_new_session=True,
        )
    try:
        with Client(socket=root / "run" / "admin.sock") as client:
            _until_ready(child, client, log)
            yield client
    finally:
        _stop(child)
        _remove(root)


def _until_ready(child: subprocess.Popen[bytes], client: Client, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.get("/engines")
            return
        except Retryable:
            pass
        except HoldfastError as error:
            if error.status < 500:
                raise
        if child.poll() is not None or time.monotonic() > until:
            tail = log.read_text(errors="replace")[-2000:]
            raise NeedsOperator(
                f"the temporary Holdfast did not start:\n{tail}", code="demo_server", hint="run: holdfast doctor"
            )
        time.sleep(0.05)


def _remove(root: Path) -> None:
    """Again, while a database server that was told to stop still writes into it."""
    until = time.monotonic() + _REMOVE_SECONDS
    shutil.rmtree(root, ignore_errors=True)
    while root.exists() and time.monotonic() < until:
        time.sleep(0.2)
        shutil.rmtree(root, ignore_errors=True)


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGINT)  # the second one ends every wait for a clean stop
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
