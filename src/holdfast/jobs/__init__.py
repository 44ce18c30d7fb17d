"""Six verbs over durable execution: submit, progress, log, cancel, schedule, take over."""

from holdfast.jobs.client import Jobs
from holdfast.jobs.model import ENDED, Progress, Run, RunState, Task, TaskContext
from holdfast.jobs.registry import TaskRegistry
from holdfast.jobs.runner import Runner
from holdfast.jobs.store import LogLine

__all__ = [
    "ENDED",
    "Jobs",
    "LogLine",
    "Progress",
    "Run",
    "RunState",
    "Runner",
    "Task",
    "TaskContext",
    "TaskRegistry",
]
