"""How this machine can hold a worker in: tried, not guessed, and said in words for `holdfast doctor`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from holdfast.runtime.sandbox import syscalls

Mode = Literal["root", "userns", "bubblewrap"]
START = Path(__file__).with_name("start.py")
ENVIRONMENT = {
    "PATH": "/nonexistent",
    "HOME": "/tmp",  # noqa: S108 - the sandbox's own
    "TMPDIR": "/tmp",  # noqa: S108
    "LANG": "C.UTF-8",
    "USER": "worker",
}
_SECONDS = 20
_WORDS: dict[Mode, str] = {
    "root": "in process, as root: every version has a user of its own",
    "userns": "in process, by user namespaces",
    "bubblewrap": "by bubblewrap: the same walls, a slower start",
}
_HINT = (
    "allow user namespaces (an AppArmor profile that says `userns,` for this Python, or sysctl "
    "kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu, kernel.unprivileged_userns_clone=1 on older Debian), or "
    "install bubblewrap (Debian: apt-get install bubblewrap), or run Holdfast as root"
)


@dataclass(frozen=True)
class Detected:
    """`mode` None: workers cannot be run here. `detail` says what is in force or why nothing is."""

    mode: Mode | None
    detail: str
    hint: str = ""


def detect(wanted: Mode | None = None) -> Detected:
    """The best mode that works here, or whether the wanted one does. Takes about 0.1 s: it builds the walls once."""
    reasons = []
    modes: tuple[Mode, ...] = ("root", "bubblewrap") if os.geteuid() == 0 else ("userns", "bubblewrap")
    for mode in (wanted,) if wanted else modes:
        refusal = _bubblewrap() if mode == "bubblewrap" else _in_process(mode)
        if refusal is None:
            shared = "" if os.geteuid() == 0 else "; outside it every worker has this user (as root: each its own)"
            return Detected(mode, f"{_WORDS[mode]}{shared}; {_landlock()}")
        reasons.append(f"{'bubblewrap' if mode == 'bubblewrap' else 'in process'}: {refusal}")
    return Detected(None, "; ".join(reasons), _HINT)


def chosen(setting: str) -> Mode | None:
    """The mode that HOLDFAST_WORKERS_SANDBOX names (`in-process` or `bubblewrap`); None = the best that works."""
    if setting == "in-process":
        return "root" if os.geteuid() == 0 else "userns"
    return "bubblewrap" if setting == "bubblewrap" else None


def tasks_are_counted() -> bool:
    """Whether a sandbox has a limit of tasks without a control group."""
    return os.geteuid() == 0 or syscalls.counts_by_namespace()


def bwrap() -> str | None:
    """The program of Debian's package bubblewrap."""
    return shutil.which("bwrap")


def _landlock() -> str:
    return "Landlock is in force too" if syscalls.landlock_version() else "this kernel offers no Landlock"


def _in_process(mode: Mode) -> str | None:
    if mode == "root" and os.geteuid() != 0:
        return "not root"
    ran = _run([sys.executable, "-I", "-S", str(START), "probe", "1" if mode == "root" else "0"])
    if isinstance(ran, str):
        return ran
    try:
        answer: str | None = json.loads(ran.stdout)["refusal"]
    except (ValueError, KeyError):
        return f"the trial ended with status {ran.returncode}"
    return answer


def _bubblewrap() -> str | None:
    program = bwrap()
    if program is None:
        return "not installed"
    ran = _run(
        [program, "--ro-bind", "/", "/", "--unshare-pid", "--unshare-net", "--", sys.executable, "-I", "-S", "-c", ""]
    )
    if isinstance(ran, str):
        return ran
    return None if ran.returncode == 0 else ran.stderr.decode(errors="replace").strip()[:300] or "refused"


def _run(argv: list[str]) -> subprocess.CompletedProcess[bytes] | str:
    try:
        return subprocess.run(
            argv, env=ENVIRONMENT, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
