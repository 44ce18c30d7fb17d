"""The one list of engines. Adding one is a folder below `engines/` and a line here."""

from __future__ import annotations

from holdfast.contract.registry import Registry
from holdfast.engines import postgresql, sqlite

ENGINES = Registry([sqlite.engine, postgresql.engine])


def registry() -> Registry:
    """The engines of this installation, in the order they are shown."""
    return ENGINES
