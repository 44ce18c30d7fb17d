"""Changing what a hosted database may use and how its server is set up, after its creation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from holdfast.contract.spec import Endpoint, Spec
from holdfast.kernel.errors import Invalid


@dataclass(frozen=True)
class Change:
    """One field of a spec. "restart": the server takes it only when it starts, and its sessions end."""

    field: str
    before: Any
    after: Any
    applies: Literal["at once", "restart"]


@runtime_checkable
class CanResize(Protocol):
    """Engines whose servers can be given other limits and settings than they were created with."""

    def changes(self, before: Spec, after: Spec) -> tuple[Change, ...]:
        """Pure. What differs, in the spec's order. Raises Invalid (code "resize_invalid") for a field that stays as it
        was created, and for values that do not fit together."""
        ...

    def used(self, at: Endpoint) -> Mapping[str, float]:
        """What is in use now of a field's amount, for fields that must not be set below it."""
        ...

    def resize(self, at: Endpoint, spec: Spec) -> None:
        """Make the running server follow what needs no restart; the host has applied its limits and written its files,
        `prepare` has run. Idempotent."""
        ...


def differing(before: Spec, after: Spec) -> dict[str, tuple[Any, Any]]:
    """{field: (before, after)} of two specs of one kind, for implementations."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return {name: (old.get(name), value) for name, value in new.items() if old.get(name) != value}


def wrong(name: str, why: str) -> Invalid:
    """For implementations: the field of the spec that cannot be so."""
    details = {"fields": [{"field": f"spec.{name}", "message": why}]}
    return Invalid(f"{name}: {why}", code="resize_invalid", details=details)
