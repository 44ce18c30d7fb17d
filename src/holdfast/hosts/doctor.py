"""What this machine offers and what is in the way, as a list an operator can act on. Changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.contract.spec import Software
from holdfast.hosts.allocation import FIRST_USER, port_is_free
from holdfast.hosts.keeper import KeeperClient
from holdfast.hosts.launching import namespaces_allowed, require_passage
from holdfast.hosts.layout import LONGEST_OF_A_WORKER, SOCKET_PATH_LIMIT, Layout
from holdfast.hosts.limits import Groups
from holdfast.hosts.software import locate
from holdfast.kernel.errors import HoldfastError, Retryable
from holdfast.kernel.master import FileSource
from holdfast.kernel.master_source import source_of
from holdfast.kernel.settings import Settings


@dataclass(frozen=True)
class DoctorCheck:
    """`ok` None = worth knowing, nothing is broken. `hint` says what to do where `ok` is not True."""

    name: str
    ok: bool | None
    detail: str
    hint: str = ""


def checks(settings: Settings, software: Sequence[Software] = ()) -> list[DoctorCheck]:
    """Every check, also when some fail. `software`: what the installed engines need (from the catalog)."""
    plain: tuple[Callable[[Settings], DoctorCheck], ...] = (
        _user,
        _namespaces,
        _limits,
        _disk,
        _data,
        _master_key,
        _runtime,
        _ports,
        _restic,
    )
    return [check(settings) for check in plain] + [_software(wanted) for wanted in software]


def _user(_: Settings) -> DoctorCheck:
    if os.geteuid() == 0:
        return DoctorCheck("user", True, "root: every database server gets a user of its own")
    hint = "run Holdfast as root (or in a container) to separate servers from each other"
    return DoctorCheck("user", None, f"uid {os.geteuid()}: database servers run as this user too", hint)


def _namespaces(_: Settings) -> DoctorCheck:
    if namespaces_allowed():
        return DoctorCheck("namespaces", True, "mount and network namespaces are in force")
    detail = "not in force: servers see the file system as it is, scratch servers rely on listening nowhere"
    return DoctorCheck("namespaces", None, detail, "give Holdfast CAP_SYS_ADMIN for stronger separation")


def _limits(settings: Settings) -> DoctorCheck:
    groups = Groups(Layout.of(settings).label)
    groups.sweep()
    missing = [name for name in ("memory", "cpu", "pids") if name not in groups.controllers]
    if not missing:
        return DoctorCheck("limits", True, f"control groups v{groups.version}: memory, cpu and pids are enforced")
    detail = f"not enforced: {', '.join(missing)}" + (f" ({groups.reason})" if groups.reason else "")
    return DoctorCheck("limits", None, detail, "delegate these control group controllers to Holdfast")


def _disk(settings: Settings) -> DoctorCheck:
    usage = shutil.disk_usage(_existing(settings.data))
    reserve = settings.disk_reserve_bytes
    detail = f"{usage.free // 1024**2} MiB free, {reserve // 1024**2} MiB in reserve"
    return DoctorCheck("disk", usage.free > 4 * reserve, detail, "free some space on the data directory's disk")


def _data(settings: Settings) -> DoctorCheck:
    where = settings.data
    if not os.access(_existing(where), os.W_OK):
        return DoctorCheck("data", False, f"{where} cannot be written", "choose another place with HOLDFAST_DATA")
    if os.geteuid() == 0 and not namespaces_allowed():
        try:
            require_passage([_existing(where)], FIRST_USER)
        except HoldfastError as error:
            return DoctorCheck("data", False, error.message, error.hint or "")
    return DoctorCheck("data", True, str(where))


def _master_key(settings: Settings) -> DoctorCheck:
    try:
        source = source_of(settings)
        if not isinstance(source, FileSource):
            return DoctorCheck("master key", True if source.exists() else None, source.where)
    except HoldfastError as error:
        return DoctorCheck("master key", False, error.message, error.hint or "")
    path = settings.master_key_file
    if path.resolve().is_relative_to(settings.data):
        hint = "move it: a copied data directory would carry its own key (HOLDFAST_MASTER_KEY_FILE)"
        return DoctorCheck("master key", False, f"{path} lies inside the data directory", hint)
    if not path.exists():
        return DoctorCheck("master key", None, f"{path} does not exist yet", "the first start makes it")
    if path.stat().st_mode & 0o077:
        return DoctorCheck("master key", False, f"{path} is open to others", f"chmod 600 {path}")
    return DoctorCheck("master key", True, str(path))


def _runtime(settings: Settings) -> DoctorCheck:
    servers = len(os.fsencode(Layout.of(settings).sockets("x"))) + len("/.s.PGSQL.65535.lock")
    longest = max(servers, len(os.fsencode(settings.runtime / LONGEST_OF_A_WORKER)))
    detail = f"{settings.runtime}: the longest socket path has {longest} of {SOCKET_PATH_LIMIT} bytes"
    return DoctorCheck("runtime", longest <= SOCKET_PATH_LIMIT, detail, "choose a shorter HOLDFAST_RUNTIME")


def _ports(settings: Settings) -> DoctorCheck:
    try:
        pid = KeeperClient(settings.keeper_socket, timeout=2.0).info().pid
        return DoctorCheck("ports", True, f"Holdfast is running (keeper {pid})")
    except Retryable:
        wanted = (settings.control_port, settings.apps_port)
    taken = [str(port) for port in wanted if port and not port_is_free(port, settings.host)]
    if taken:
        hint = "stop the other program, or set HOLDFAST_CONTROL_PORT and HOLDFAST_APPS_PORT"
        return DoctorCheck("ports", False, f"in use by another program: {', '.join(taken)}", hint)
    return DoctorCheck("ports", True, f"free: {', '.join(str(port) for port in wanted)}")


def _restic(_: Settings) -> DoctorCheck:
    found = shutil.which("restic")
    if found:
        return DoctorCheck("restic", True, found)
    return DoctorCheck("restic", None, "not installed", "optional: install it to read snapshots without Holdfast")


def _software(software: Software) -> DoctorCheck:
    name = f"{software.name} {software.version}"
    found = locate(software)
    if found is not None:
        return DoctorCheck(name, True, str(found))
    return DoctorCheck(name, False, "not found", "run `make setup`, or install it from your system's packages")


def _existing(path: Path) -> Path:
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())
