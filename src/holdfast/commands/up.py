"""`holdfast up`: Holdfast in the foreground, or in the background with --detach."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.client import Client
from holdfast.kernel.errors import Conflict, HoldfastError, NeedsOperator, Retryable
from holdfast.kernel.settings import Settings
from holdfast.terminal import output
from holdfast.terminal.address import apps_url
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import verb

if TYPE_CHECKING:  # `up --help` must not wait for what `up` needs
    from holdfast.hosts.keeper import KeeperInfo

up = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
_DETACH_SECONDS = 120.0
_LAST_WORDS = 2000


@verb(up, "up", "holdfast up\nholdfast up --detach --data /srv/holdfast")
def start(
    ctx: typer.Context,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once it is ready; it goes on in the background.")
    ] = False,
) -> None:
    """Start Holdfast. Ctrl-C stops it and every database it runs."""
    from holdfast import keeper

    t = terminal(ctx)
    settings = t.settings()
    if detach:
        announce(t, settings, _detached(settings), how_to_stop=f"holdfast down{_data_words(t)}")
        return
    begun = time.monotonic()

    def ready(info: KeeperInfo) -> None:
        announce(t, settings, info, how_to_stop="Ctrl-C", seconds=time.monotonic() - begun)

    keeper.build(settings, ready).run()
    if not t.json:
        output.say("Holdfast has stopped.")


def announce(
    t: Terminal, settings: Settings, info: KeeperInfo, *, how_to_stop: str, seconds: float | None = None
) -> None:
    """Where it listens, the first-run link while there is no owner, where the data is, how to stop."""
    url = f"http://{settings.host}:{info.control_port or settings.control_port}"
    link = first_run_link(settings, url)
    apps = apps_url(info.apps_port)
    facts = {"url": url, "docs": f"{url}/api/docs", "data": str(settings.data), "pid": info.pid, "first_run_link": link}
    facts["apps_url"] = apps
    if t.json:
        output.say_json(facts)
        return
    took = f" (ready in {output.seconds_text(seconds)})" if seconds is not None else ""
    output.say(f"Holdfast is running{took}")
    shown = {"  Control": url, "  API docs": facts["docs"]} | ({"  Apps": apps} if apps else {})
    output.record({**shown, "  Data": str(settings.data), "  Stop": how_to_stop})
    if link:
        output.say("\nNobody owns this Holdfast yet. Open this link once, within 15 minutes, to become its owner:")
        output.say(f"  {link}")
    if why := kit_lacks(settings):
        output.say(f"\nRecovery kit: {why}. Without one a lost server takes its backups' passwords with it:")
        output.say("  holdfast recovery-kit create -o kit.age    (asks for a passphrase; or --to age1...)")
    output.say("\nNext: holdfast db create sqlite shop, or holdfast demo")
    sys.stdout.flush()


def first_run_link(settings: Settings, url: str) -> str | None:
    """The one-time link while there is no owner; None once there is one, or when the api cannot say."""
    with Client(socket=settings.admin_socket, timeout=10) as client:
        try:
            answer: Any = client.post("/session/first-run/link", {"url": url})
        except HoldfastError:
            return None
    return str(answer["link"]) if isinstance(answer, dict) and answer.get("link") else None


def kit_lacks(settings: Settings) -> str:
    """Why a recovery kit is due, in one sentence; empty when the newest would do, or when the api cannot say."""
    with Client(socket=settings.admin_socket, timeout=10) as client:
        try:
            return "; ".join(client.get("/system/recovery-kit")["why"])
        except HoldfastError:
            return ""


def _data_words(t: Terminal) -> str:
    return f" --data {t.data}" if t.data else ""


def _detached(settings: Settings) -> KeeperInfo:
    """Start the keeper in a session of its own and wait until the api answers."""
    from holdfast.hosts.keeper import KeeperClient
    from holdfast.hosts.layout import Layout

    _refuse_second(settings)
    layout = Layout.of(settings)
    layout.prepare()
    environ = os.environ | {"HOLDFAST_DATA": str(settings.data)}
    log = layout.logs / "keeper.log"
    with os.fdopen(os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "wb") as words:
        written = log.stat().st_size
        child = subprocess.Popen(
            [sys.executable, "-m", "holdfast.keeper"],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env=environ,
            cwd="/",
            start_new_session=True,
        )
    until = time.monotonic() + _DETACH_SECONDS
    while time.monotonic() < until:
        if child.poll() is not None:
            raise NeedsOperator(_since(log, written), code="not_started", hint="see also: holdfast doctor")
        try:
            info = KeeperClient.of(settings).info()
            with Client(socket=settings.admin_socket, timeout=5) as client:
                client.request("GET", "/health/live", root=True)
        except Retryable:
            time.sleep(0.05)
            continue
        if info.pid == child.pid:
            return info
        time.sleep(0.05)
    child.terminate()
    hint = f"see {log} and {layout.logs}"
    raise NeedsOperator("Holdfast did not become ready", code="not_started", hint=hint)


def _refuse_second(settings: Settings) -> None:
    """The same words and exit code as in the foreground. A race is still refused by the keeper's lock."""
    from holdfast.hosts.keeper import KeeperClient

    try:
        info = KeeperClient.of(settings).info()
    except Retryable:
        return
    raise Conflict(
        f"Holdfast already runs on {settings.data} (process {info.pid})",
        code="already_running",
        hint="stop it with `holdfast down`, or choose another directory with --data",
    )


def _since(log: Path, written: int) -> str:
    """What the keeper said before it gave up."""
    said = log.read_bytes()[written:].decode(errors="replace").strip()
    return said[-_LAST_WORDS:] or "Holdfast did not start and said nothing"
