"""Moving a database to another major version of its server, by capture and restore beside the old state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from holdfast.contract.spec import Endpoint, Spec


@runtime_checkable
class CanUpgrade(Protocol):
    """Engines whose state of one version is a directory of the resource's own, made anew by `plan` when absent."""

    def upgraded(self, spec: Spec, version: str) -> Spec:
        """Pure: the same spec at that version. Raises Invalid (code "version_invalid") for one not above."""
        ...

    def state_directory(self) -> str:
        """Pure: the name of that directory below the resource's."""
        ...

    def shut_out(self, at: Endpoint) -> None:
        """End every session but ours and let no other in until `prepare`. What was committed stays."""
        ...

    def keep_out(self, at: Endpoint) -> None:
        """Let the standing logins into no database of the server until `prepare`; a restore goes on all the same.

        Else somebody would be told "committed" in the new server of what a failed switch throws away."""
        ...

    def logins(self, at: Endpoint) -> Sequence[Mapping[str, Any]]:
        """Logins beside the standing ones, with what opens them (a verifier, never a password), for `carry_logins`."""
        ...

    def carry_logins(self, at: Endpoint, logins: Sequence[Mapping[str, Any]]) -> None: ...

    def left_behind(self, at: Endpoint) -> tuple[str, ...]:
        """What an upgrade does not take along, as sentences an operator should read."""
        ...
