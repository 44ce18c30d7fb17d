"""Looking engines up by name. The list itself is `holdfast.catalog`, the one place that names them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from holdfast.contract.engine import Engine
from holdfast.kernel.errors import Invalid


class Registry:
    """The engines of this installation, in the order they are shown."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = {engine.name: engine for engine in engines}
        if len(self._engines) != len(engines):
            raise ValueError("two engines share a name")

    def __iter__(self) -> Iterator[Engine]:
        return iter(self._engines.values())

    def names(self) -> list[str]:
        return list(self._engines)

    def get(self, name: str) -> Engine:
        """Raises Invalid (code "engine_unknown") that lists what there is."""
        engine = self._engines.get(name)
        if engine is None:
            raise Invalid(
                f"there is no engine named {name!r}",
                code="engine_unknown",
                hint=f"engines here: {', '.join(self._engines)}",
            )
        return engine
