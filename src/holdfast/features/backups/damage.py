"""What to do about damaged bytes: the layers that find them do not know."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.contract.catalog import JSON
from holdfast.jobs.model import Task, TaskContext
from holdfast.kernel.errors import Corrupt

HINT = "Nothing was overwritten. `holdfast repo check --read-data` says what else is damaged; use another snapshot."


def explain(error: BaseException) -> None:
    """Give damage a hint when it has none."""
    if isinstance(error, Corrupt) and error.hint is None:
        error.hint = HINT


def explained(task: Task) -> Task:
    """The task, whose damage always says what to do."""

    def run(ctx: TaskContext) -> Mapping[str, JSON] | None:
        try:
            return task(ctx)
        except Corrupt as error:
            explain(error)
            raise

    return run
