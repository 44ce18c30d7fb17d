"""How a route is called in the walk.

`$noun` in a body or a query stands for an id of that noun, and so does `{noun_id}` in a path. What follows a `#` tells
two requests of one route apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True)
class Ask:
    """`permissions` empty = whoever has a credential. Each of them is missed alone once.

    `everywhere`: an act on the installation: whoever is let into one project only gets 403, whatever the ids.
    """

    permissions: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    fill: Mapping[str, str] = field(default_factory=dict)
    everywhere: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def nouns(self, path: str) -> list[str]:
        """The nouns whose ids the request names."""
        in_path = [name.removesuffix("_id") for name in _PARAMETER.findall(path) if name not in self.fill]
        given = [each for value in (*(self.body or {}).values(), *self.query.values()) for each in _listed(value)]
        return in_path + [value[1:] for value in given if _is_slot(value)]

    def request(self, path: str, ids: Mapping[str, str]) -> dict[str, Any]:
        """Keyword arguments of httpx's `request`, without the method."""

        def value(name: str) -> str:
            return self.fill[name] if name in self.fill else ids[name.removesuffix("_id")]

        def filled(each: Any) -> Any:
            return ids[each[1:]] if _is_slot(each) else each

        def put(given: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: [filled(item) for item in each] if isinstance(each, list) else filled(each)
                for name, each in given.items()
            }

        made: dict[str, Any] = {"url": _PARAMETER.sub(lambda match: value(match[1]), path)}
        made["headers"] = {"If-Match": '"v1"', **self.headers}
        if self.query:
            made["params"] = put(self.query)
        if self.body is not None:
            made["json"] = put(self.body)
        return made


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_slot(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("$")


def one(permission: str, **more: Any) -> Ask:
    return Ask((permission,), **more)


def whole(permission: str, **more: Any) -> Ask:
    return Ask((permission,), everywhere=True, **more)
