"""Workers and what runs them, for `holdfast status` and `holdfast doctor`; nothing where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.kernel.errors import HoldfastError, Retryable
from holdfast.kernel.settings import Settings
from holdfast.terminal import output

if TYPE_CHECKING:
    from holdfast.client import Client
    from holdfast.hosts.doctor import DoctorCheck

PARTS = ("edge", "egress", "pool", "state")
_RANK = ("backoff", "running", "starting", "stopping", "cold")  # of a worker's versions, what people should see first


def workers(client: Client, settings: Settings | None) -> list[dict[str, Any]]:
    """Each with "state": "off", how its versions fare here, "not deployed"; None where that cannot be asked (another
    machine, or no pool). `settings`: of this machine's Holdfast."""
    found = list(client.items("/workers"))
    states = _states(settings.runtime) if settings is not None and found else None
    return [each | {"state": _state(each, states)} for each in found]


def _states(runtime: Path) -> dict[str, list[Mapping[str, Any]]] | None:
    from holdfast.runtime.pool.control import PoolClient

    made: dict[str, list[Mapping[str, Any]]] = {}
    try:
        for version in PoolClient(runtime, timeout=5.0).status():
            made.setdefault(version["worker_id"], []).append(version)
    except Retryable:
        return None
    return made


def _state(worker: Mapping[str, Any], states: Mapping[str, list[Mapping[str, Any]]] | None) -> str | None:
    if not worker["enabled"]:
        return "off"
    if states is None:
        return None
    there = {each["state"] for each in states.get(worker["id"], ())}
    return next((name for name in _RANK if name in there), "not deployed")


def say(found: list[dict[str, Any]]) -> None:
    if not found:
        return
    output.say()
    rows = [[each["name"], each["state"] or "?", each["slug"], each["id"]] for each in found]
    output.table(["WORKER", "STATE", "SLUG", "ID"], rows)


def checks(settings: Settings) -> list[DoctorCheck]:
    """Of the parts that run workers and of what installs their packages, once there was a worker."""
    if not (settings.data / "workers").is_dir():
        return []
    return [_parts(settings), _packages()]


def limits(settings: Settings) -> DoctorCheck:
    """What bounds a worker where a control group does not, in words."""
    from holdfast.hosts.doctor import DoctorCheck
    from holdfast.hosts.layout import Layout
    from holdfast.hosts.limits import Groups
    from holdfast.runtime.sandbox.modes import tasks_are_counted

    groups = Groups(f"{Layout.of(settings).label}-d")  # not the pool's own: an empty group there is one being made
    groups.sweep()
    tasks = "tasks are limited for each sandbox" if tasks_are_counted() else "tasks are not limited before Linux 5.14"
    memory = "memory is limited for each process, the sum of a worker's processes is only watched"
    instead = {"memory": memory, "cpu": "processors are not limited", "pids": tasks}
    weaker = [words for name, words in instead.items() if name not in groups.controllers]
    if not weaker:
        return DoctorCheck("worker limits", True, "memory, processors and tasks, by control groups")
    hint = "enough for code of your own; for others' let Holdfast make control groups (see `limits`)"
    return DoctorCheck("worker limits", None, f"without control groups: {'; '.join(weaker)}", hint)


def _parts(settings: Settings) -> DoctorCheck:
    from holdfast.hosts.doctor import DoctorCheck
    from holdfast.hosts.keeper import KeeperClient

    try:
        parts = KeeperClient(settings.keeper_socket, timeout=2.0).info().parts
    except HoldfastError as error:
        return DoctorCheck("worker parts", None, error.message, "they start with Holdfast: holdfast up")
    bad = {name: parts.get(name) or {"state": "not started", "error": None} for name in PARTS}
    bad = {name: part for name, part in bad.items() if part["state"] != "running"}
    if not bad:
        return DoctorCheck("worker parts", True, f"{', '.join(PARTS)} run")
    said = "; ".join(f"{name} is {part['state']}" for name, part in bad.items())
    why = next((str(part["error"]) for part in bad.values() if part["error"]), "")
    return DoctorCheck("worker parts", False, said, why.partition("\n")[0] or "holdfast restart")


def _packages() -> DoctorCheck:
    from holdfast.hosts.doctor import DoctorCheck
    from holdfast.runtime.uv import uv_binary

    try:
        return DoctorCheck("worker packages", True, uv_binary())
    except HoldfastError as error:
        return DoctorCheck("worker packages", None, error.message, error.hint or "")
