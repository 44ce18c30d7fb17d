"""Why a task was stopped: by someone's wish, or because this runner only goes away."""

from __future__ import annotations

from holdfast.jobs import deadline
from holdfast.jobs.giving_up import REASON
from holdfast.jobs.model import TaskContext
from holdfast.kernel.errors import Conflict


def only_interrupted(ctx: TaskContext, error: BaseException) -> bool:
    """True when the run will be taken up again elsewhere: nothing may be undone and no end written then."""
    if isinstance(error, Conflict) and error.code == "claim_lost":
        return True
    return ctx.stop.stopped and ctx.stop.reason not in ("cancel requested", REASON, deadline.REASON)
