"""`holdfast down` and `holdfast restart`."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from holdfast.kernel.errors import Retryable
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb

down = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
restart = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
_STOP_SECONDS = 120.0


@verb(down, "down", "holdfast down\nholdfast down --keep-databases")
def stop(
    ctx: typer.Context,
    keep_databases: Annotated[
        bool, typer.Option("--keep-databases", help="Leave database servers running; the next `up` finds them again.")
    ] = False,
) -> None:
    """Stop Holdfast and the databases it runs."""
    from holdfast.hosts.keeper import KeeperClient
    from holdfast.hosts.layout import Layout

    t = terminal(ctx)
    settings = t.settings()
    try:
        KeeperClient.of(settings).shutdown(keep_databases=keep_databases)
    except Retryable as error:
        if error.code != "keeper_away":
            raise
        t.answer({"stopped": False, "data": str(settings.data)}, f"Holdfast was not running on {settings.data}.")
        return
    if not _gone(Layout.of(settings).lock):
        raise Retryable("Holdfast is still stopping", hint=f"look again: holdfast status, logs in {settings.data}/logs")
    kept = " Database servers keep running." if keep_databases else ""
    t.answer({"stopped": True, "kept_databases": keep_databases}, f"Holdfast has stopped.{kept}")


@verb(restart, "restart", "holdfast restart")
def again(ctx: typer.Context) -> None:
    """Restart the api and the runner behind the same sockets; databases keep running, runs go on."""
    from holdfast.hosts.keeper import KeeperClient

    t = terminal(ctx)
    begun = time.monotonic()
    KeeperClient.of(t.settings()).restart_control_plane()
    seconds = time.monotonic() - begun
    t.answer({"restarted": True, "seconds": round(seconds, 3)}, f"Restarted in {output.seconds_text(seconds)}.")


def _gone(lock: Path) -> bool:
    """Whether the keeper let go of its lock: the only sign that everything it supervised is gone too."""
    until = time.monotonic() + _STOP_SECONDS
    handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        while time.monotonic() < until:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
                continue
            return True
        return False
    finally:
        os.close(handle)
