"""Which function does which kind of run."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.jobs.model import Task


@dataclass(frozen=True)
class Registered:
    """A task and how it may run."""

    kind: str
    task: Task
    resource_exclusive: bool


class TaskRegistry:
    """Filled once in the composition root; tasks are closures or bound methods that carry their services."""

    def __init__(self) -> None:
        self._tasks: dict[str, Registered] = {}

    def add(self, kind: str, task: Task, *, resource_exclusive: bool = False) -> None:
        """`resource_exclusive`: two such runs of one resource never execute at once. A kind added twice: ValueError."""
        if kind in self._tasks:
            raise ValueError(f"two tasks for {kind}")
        self._tasks[kind] = Registered(kind, task, resource_exclusive)

    def get(self, kind: str) -> Registered:
        """Raises KeyError for a kind nobody added; the runner only claims kinds it knows."""
        return self._tasks[kind]

    def kinds(self) -> list[str]:
        return sorted(self._tasks)

    def exclusive_kinds(self) -> list[str]:
        return sorted(kind for kind, entry in self._tasks.items() if entry.resource_exclusive)
