"""The one list of engines. Adding one is a folder below `engines/` and a line here."""

from __future__ import annotations

from importlib import import_module

from holdfast.contract.registry import Registry

MODULES = (
    "holdfast.engines.sqlite",
    "holdfast.engines.postgresql",
    "holdfast.engines.valkey",
)

ENGINES = Registry([import_module(module).engine for module in MODULES])


def registry() -> Registry:
    """The engines of this installation, in the order they are shown."""
    return ENGINES
