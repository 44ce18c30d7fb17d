"""Which build of a version a server is, for engines whose state every build of one version reads."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools


@runtime_checkable
class CanPatch(Protocol):
    """A newer build is started on the same state, and an older one again after it."""

    def build_of(self, tools: Tools) -> str:
        """The build these tools are, such as "18.4"; nothing is started."""
        ...

    def build(self, at: Endpoint) -> str:
        """The build of the running server, in the same form."""
        ...
