"""`holdfast status`: what runs, what is stored; also when Holdfast is down."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import typer

from holdfast.client import NotRunning
from holdfast.commands import workers_told
from holdfast.kernel.errors import Denied, HoldfastError, Retryable
from holdfast.kernel.settings import Settings
from holdfast.terminal import output
from holdfast.terminal.address import apps_url, keeper_url
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import verb

status = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@verb(status, "status", "holdfast status\nholdfast status --json")
def show(ctx: typer.Context) -> None:
    """Show processes, databases, workers and last snapshots. Exits 1 when Holdfast is not running."""
    t = terminal(ctx)
    remote = bool(t.profile or t.environ.get("HOLDFAST_URL") or t.environ.get("HOLDFAST_PROFILE"))
    facts: dict[str, Any] = {"running": False}
    if not remote:
        settings = t.settings()
        facts |= {"data": str(settings.data)} | _keeper(settings) | {"disk": _disk(settings)}
    try:
        facts |= _asked(t, None if remote else t.settings())
    except NotRunning as error:
        facts |= {"running": False, "reason": error.message, "hint": error.hint}
        if not remote:
            facts |= _kept(t.settings())
    if t.json:
        output.say_json(facts)
    else:
        _say(facts)
    if not facts["running"]:
        raise typer.Exit(1)


def _keeper(settings: Settings) -> dict[str, Any]:
    from holdfast.hosts.keeper import KeeperClient

    try:
        info = KeeperClient.of(settings).info()
    except Retryable:
        return {"keeper": None}
    url = keeper_url(settings, info.control_port)
    parts = {name: dict(part) for name, part in info.parts.items()}
    return {
        "keeper": {
            "pid": info.pid,
            "url": url,
            "apps_url": apps_url(info.apps_port),
            "parts": parts,
            "limits": dict(info.limits),
        }
    }


def _disk(settings: Settings) -> dict[str, Any] | None:
    try:
        usage = shutil.disk_usage(settings.data)
    except OSError:
        return None
    return {"free_bytes": usage.free, "total_bytes": usage.total, "reserve_bytes": settings.disk_reserve_bytes}


def _asked(t: Terminal, here: Settings | None) -> dict[str, Any]:
    """What the api knows. Raises NotRunning; a part that fails otherwise is named instead of shown."""
    client = t.client
    databases = list(client.items("/databases"))
    facts: dict[str, Any] = {"running": True, "databases": databases}
    questions: dict[str, Any] = {
        "workers": lambda: workers_told.workers(client, here),
        "repositories": lambda: list(client.items("/repositories")),
        "snapshots": lambda: list(client.items("/snapshots", state="ready", limit=200)),
        "runs": lambda: list(client.items("/runs", state="running", limit=20)),
        "recovery_kit": lambda: _kit_lacks(t),
        "troubles": lambda: _troubles(t),
    }
    for name, ask in questions.items():
        try:
            facts[name] = ask()
        except NotRunning:
            raise
        except HoldfastError as error:
            facts[name] = []
            facts.setdefault("unknown", {})[name] = error.message
    return facts


def _kit_lacks(t: Terminal) -> list[str]:
    """Why a recovery kit is due. Whoever may not ask is not told."""
    try:
        return list(t.client.get("/system/recovery-kit")["why"])
    except Denied:
        return []


def _troubles(t: Terminal) -> list[dict[str, Any]]:
    """Parts that are not at work, as the api's health has them. Whoever may not ask is not told."""
    try:
        services = t.client.request("GET", "/health", root=True)["services"]
    except Denied:
        return []
    return [{"part": name, **part} for name, part in services.items() if part["status"] != "ok"]


def _kept(settings: Settings) -> dict[str, Any]:
    """Database servers that outlived Holdfast (`down --keep-databases`, or a killed keeper), from their records."""
    from holdfast.hosts.layout import Layout

    servers = Layout.of(settings).servers
    try:
        names = sorted(path.stem for path in servers.glob("*.pid") if _lives(path)) if servers.is_dir() else []
    except OSError:
        names = []
    return {"servers_running": names, "installed": settings.data.is_dir()}


def _lives(record: Path) -> bool:
    """Whether the process a server's record names is there; a stopped server has no such record."""
    try:
        return Path(f"/proc/{int(json.loads(record.read_text())['pid'])}").exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _say(facts: dict[str, Any]) -> None:
    if not facts["running"]:
        output.say(str(facts.get("reason")))
        if facts.get("installed") is False:
            output.say(f"There is nothing at {facts['data']} yet.")
        elif "data" in facts:
            output.record({"Data": facts["data"], "Disk": _disk_text(facts.get("disk"))})
        if facts.get("keeper"):
            output.say(f"Its keeper (pid {facts['keeper']['pid']}) runs: the api may be starting.")
        if kept := facts.get("servers_running"):
            output.say(f"Database servers that go on and are found again: {', '.join(kept)}")
        output.say(f"Hint: {facts.get('hint')}")
        return
    keeper = facts.get("keeper")
    if keeper:
        apps = {"Apps": keeper["apps_url"]} if keeper.get("apps_url") else {}
        rest = {"Data": facts["data"], "Disk": _disk_text(facts.get("disk"))}
        output.record({"Control": keeper["url"], **apps, **rest})
        rows = [["keeper", "running", keeper["pid"], ""]]
        rows += [[name, part["state"], part["pid"], part["restarts"] or ""] for name, part in keeper["parts"].items()]
        output.say()
        output.table(["PROCESS", "STATE", "PID", "RESTARTS"], rows)
    _say_stored(facts)


def _say_stored(facts: dict[str, Any]) -> None:
    newest: dict[str, dict[str, Any]] = {}
    for snapshot in facts["snapshots"]:
        newest.setdefault(snapshot["resource_id"], snapshot)
    output.say()
    if facts["databases"]:
        rows = [
            [item["name"], item["engine"], item["state"], *_backed_up(newest.get(item["id"])), item["id"]]
            for item in facts["databases"]
        ]
        output.table(["DATABASE", "ENGINE", "STATE", "LAST SNAPSHOT", "PROVEN", "ID"], rows)
    else:
        output.say("No databases yet. Create one: holdfast db create sqlite shop")
    workers_told.say(facts["workers"])
    if facts["repositories"]:
        output.say()
        rows = [[item["name"], item["state"], _checked(item), item["path"]] for item in facts["repositories"]]
        output.table(["REPOSITORY", "STATE", "CHECKED", "WHERE"], rows)
    if facts["runs"]:
        output.say()
        rows = [[run["kind"], _run_text(run), run["id"]] for run in facts["runs"]]
        output.table(["RUNNING", "PROGRESS", "ID"], rows)
    if facts["recovery_kit"]:
        output.say(f"\nRecovery kit: {'; '.join(facts['recovery_kit'])} (holdfast recovery-kit create)")
    for each in facts["troubles"]:
        output.say(f"\n{each['part']}: {output.visible(each['message'] or each['status'])}")
        if each["hint"]:
            output.say(f"Hint: {output.visible(each['hint'])}")
    for name, why in facts.get("unknown", {}).items():
        output.say(f"{name}: {output.visible(why)}")


def _backed_up(snapshot: dict[str, Any] | None) -> tuple[str, str]:
    if snapshot is None:
        return "none", "-"
    level = snapshot.get("verified_level")
    return output.moment_text(snapshot.get("taken_at")), "-" if level is None else f"L{level}"


def _checked(repository: dict[str, Any]) -> str:
    last = repository.get("last_check") or {}
    return output.moment_text(last.get("at")) + ("" if last.get("ok", True) else " FAILED")


def _run_text(run: dict[str, Any]) -> str:
    from holdfast.terminal.progress import progress_text

    return progress_text(run["progress"]) if run.get("progress") else "-"


def _disk_text(disk: dict[str, Any] | None) -> str:
    return (
        "-" if not disk else f"{output.size_text(disk['free_bytes'])} free of {output.size_text(disk['total_bytes'])}"
    )
