"""Which work can be asked for anew from its run alone: with the same parameters, and harmless when it is done twice.

What overwrites, deletes, brings rows in or changes passwords is not here: whoever wants it again sees first what it
would do, where it was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from holdfast.features.access.actor import Actor
from holdfast.jobs import Run
from holdfast.kernel.errors import Conflict

# Kind -> the permission it takes, then as now.
REPEATABLE: Mapping[str, str] = MappingProxyType(
    {
        "snapshot.create": "snapshot.create",
        "snapshot.verify": "snapshot.verify",
        "repository.check": "repository.check",
        "repository.usage": "repository.check",
        "repository.gc": "repository.gc",
        "database.start": "database.start",
        "database.maintain": "database.maintain",
        "migration.rehearse": "migration.apply",
        "drill.run": "drill.run",
        "plan.run": "plan.run",
    }
)

# Asks for the same as the run did, as the actor: who is refused there is refused here.
Again = Callable[[Actor, Run], Run]


def not_repeatable(run: Run) -> Conflict:
    return Conflict(
        f"{run.kind} is not begun again from its run",
        code="run_not_repeatable",
        hint="Ask for it anew where it was begun: what it would do now is shown there first.",
    )
