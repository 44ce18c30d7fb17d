"""What must be open for a database to be reached, and closed again: nothing for ours, a line for a foreign server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.contract.engine import Engine
from holdfast.contract.external import CanRegister
from holdfast.contract.spec import Endpoint
from holdfast.hosts.external import Line, Lines, Where
from holdfast.hosts.external.files import checked_file
from holdfast.kernel.errors import HoldfastError, NeedsOperator, Retryable
from holdfast.kernel.settings import Settings


@dataclass
class Lease:
    """An endpoint and what it needs. Leaving it, or `close`, gives the line back; twice is once."""

    endpoint: Endpoint
    line: Line | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def explain(self, error: HoldfastError) -> None:
        """Raises the line's own reason when that is why the engine heard nothing; returns otherwise."""
        failure = self.line.failure if self.line is not None else None
        if failure is not None and failure is not error and isinstance(error, Retryable):
            raise failure from error

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        self.close()
        if isinstance(error, HoldfastError):
            self.explain(error)


def lease_of(
    engine: Engine, at: Endpoint, stored: Mapping[str, Any], lines: Lines, settings: Settings, *, absent: bool = False
) -> Lease:
    """A file is looked at again each time; a server is reached by a line. Raises NeedsOperator, Invalid."""
    if at.path is not None:
        checked_file(settings, at.path, absent=absent)
        return Lease(at)
    if not isinstance(engine, CanRegister) or engine.wire is None or "where" not in stored:
        raise NeedsOperator(
            "this registration cannot be read", code="registration_unreadable", hint="Register the database again."
        )
    stack = ExitStack()
    line = stack.enter_context(lines.open(Where.of(stored["where"]), at.secrets, engine.wire))
    return Lease(replace(at, sockets=line.sockets, host=None, port=None), line, stack)
