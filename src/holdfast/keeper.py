"""The keeper process: `python -m holdfast.keeper`. What it supervises is decided here and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable

from holdfast.kernel import starting

if __name__ == "__main__":
    starting.begin()

from holdfast.features.recovery.marker import require_finished
from holdfast.hosts.keeper import Keeper, KeeperInfo, Program
from holdfast.hosts.layout import LONGEST_OF_A_WORKER
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.settings import Settings

PROGRAMS = (
    Program(
        "api",
        (sys.executable, "-m", "holdfast.app", "--fd", "control=3", "--fd", "admin=4"),
        {3: "control", 4: "admin"},
    ),
    Program("runner", (sys.executable, "-m", "holdfast.runner"), {}),
    Program("state", (sys.executable, "-m", "holdfast.state"), {}, after="workers"),
    Program("egress", (sys.executable, "-m", "holdfast.egress"), {}, after="workers"),
    Program("pool", (sys.executable, "-m", "holdfast.pool"), {}, after="workers", makes=LONGEST_OF_A_WORKER),
    Program(
        "edge",
        (sys.executable, "-m", "holdfast.edge", "--fd", "apps=3", "--fd", "front=4"),
        {3: "apps", 4: "front"},
        after="workers",
    ),
)


def build(settings: Settings, on_ready: Callable[[KeeperInfo], None] | None = None) -> Keeper:
    """The keeper of this installation; `on_ready` is called once the api answers. Raises
    NeedsOperator("recovery_unfinished")."""
    require_finished(settings.data)
    return Keeper(settings, PROGRAMS, on_ready=on_ready)


def main() -> int:
    """In the foreground until SIGINT, SIGTERM or `holdfast down`. Exit status 1 when it could not start."""
    try:
        keeper = build(Settings.load())
        starting.begun()
        keeper.run()
    except HoldfastError as error:
        sys.stderr.write(f"{error.message}\n" + (f"{error.hint}\n" if error.hint else ""))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
