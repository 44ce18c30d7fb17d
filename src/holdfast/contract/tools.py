"""The tools port: the only way to a child process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from holdfast.kernel.stop import Stop


class Child(Protocol):
    """A running child with byte pipes. Leaving the context kills and reaps it if it still runs.

    `wait` raises Permanent with the tail of stderr when the exit status is not 0: a dead producer is never a short end.
    """

    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def wait(self, timeout: float | None = None) -> None: ...
    def kill(self) -> None: ...
    def __enter__(self) -> Child: ...
    def __exit__(self, *exc: object) -> None: ...


class Tools(Protocol):
    """What a session may use of the machine: its own tools, a scratch directory, nothing else.

    Children run as the resource's user where there is one, with an empty environment plus `env`, no shell,
    no inherited descriptors, and die when `stop` is set.
    """

    scratch: Path  # private to this run; removed when it ends; counted against the temporary-disk bound

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bool = False,
        stdout: bool = True,
        stop: Stop | None = None,
    ) -> Child:
        """Start argv[0] (a bare tool name from `Engine.software`) with pipes where asked for."""
        ...

    def output(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float = 120.0,
        stop: Stop | None = None,
    ) -> bytes:
        """Run to the end and return stdout (bounded to 64 MiB). Raises Permanent with stderr's tail on failure."""
        ...
