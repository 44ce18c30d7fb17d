"""`holdfast.routes` and `holdfast.schemas` of a project file: read, looked at, and kept with every schema in its place.

A schema is JSON Schema 2020-12, in the file itself or as the path of a `.json` file of the project. What is not known
is refused: a check that is ignored lets in what its writer meant to keep out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from holdfast.runtime.live import Json
from holdfast.runtime.python.schemas.reading import Unreadable, read_json
from holdfast.runtime.python.schemas.schema import BadSchema, Schema
from holdfast.runtime.python.schemas.templates import BadTemplate, Template

MOST_ROUTES = 500
MOST_BYTES = 1024 * 1024  # of all of it as JSON: it goes to every process of the version
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TEXTS = {"method": 10, "path": 500, "summary": 200, "description": 5000, "operation_id": 100}
PARTS = ("params", "query", "headers", "body")
KEYS = (*TEXTS, *PARTS, "body_required", "response", "responses", "tags", "deprecated")
Place = tuple[str | int, ...]
Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Declared:
    """`routes`: the keys of `KEYS` each, `response` put under `responses`; `schemas`: those they share, by name."""

    routes: tuple[Mapping[str, Json], ...] = ()
    schemas: Mapping[str, Json] = field(default_factory=dict)


class Declarations:
    """One reading; `fault` hears of every mistake with its place. `read` gives a file of the project (None: there is
    none of that name); without it files are not looked into."""

    def __init__(self, fault: Callable[[Place, str], None], read: Read | None = None) -> None:
        self._tell, self._read = fault, read
        self._shared: dict[str, Any] = {}
        self._clean = True

    def declared(self, routes: Any, schemas: Any) -> Declared:
        """What was told as a fault is missing in it."""
        if schemas is not None:
            self._take_shared(schemas)
        found, seen = [], dict[tuple[Any, ...], Place]()
        for number, raw in enumerate(self._listed(routes)):
            place: Place = ("routes", number)
            if (route := self._route(raw, place)) is None:
                continue
            key = (route["method"], Template.of(route["path"]).shape)
            if key in seen:
                self._fault((*place, "path"), f"the same method and path as routes[{seen[key][-1]}]")
            seen.setdefault(key, place)
            found.append(route)
        made = Declared(tuple(found), self._shared)
        if self._clean and len(json.dumps([made.routes, made.schemas])) > MOST_BYTES:
            self._fault(("routes",), f"with its schemas it has more than {MOST_BYTES} bytes")
        return made

    def _fault(self, place: Place, message: str) -> None:
        self._clean = False
        self._tell(place, message)

    def _listed(self, routes: Any) -> list[Any]:
        if routes is None:
            return []
        if not isinstance(routes, list) or len(routes) > MOST_ROUTES:
            self._fault(("routes",), f"a list of at most {MOST_ROUTES} routes is expected")
            return []
        return routes

    def _take_shared(self, schemas: Any) -> None:
        if not isinstance(schemas, dict):
            self._fault(("schemas",), "an object of schemas by name is expected")
            return
        for name, given in schemas.items():
            if not name or not all(each.isalnum() or each in "._-" for each in name) or not name.isascii():
                self._fault(("schemas", name), "a name has letters, digits, `.`, `_` and `-`")
            self._shared[name] = self._loaded(given, ("schemas", name))
        for name, schema in self._shared.items():
            self._schema(schema, ("schemas", name))

    def _route(self, raw: Any, place: Place) -> dict[str, Any] | None:
        if not isinstance(raw, dict):
            self._fault(place, "an object with method and path is expected")
            return None
        for key in raw:
            if key not in KEYS:
                self._fault((*place, key), f"no such key; there are {', '.join(KEYS)}")
        route = {key: raw[key] for key in TEXTS if self._is_text(raw, key, place)}
        for key in ("body_required", "deprecated"):
            if key in raw:
                route[key] = self._flag(raw[key], (*place, key))
        if "tags" in raw:
            route["tags"] = self._tags(raw["tags"], (*place, "tags"))
        template = self._template(route, place)
        for part in PARTS:
            if part in raw:
                route[part] = self._part(part, raw[part], template, (*place, part))
        if "body" in raw and route.get("method") in ("GET", "HEAD"):
            self._fault((*place, "body"), f"{route['method']} has no body")
        route["responses"] = self._responses(raw, place)
        return route if template is not None and "method" in route else None

    def _is_text(self, raw: dict[str, Any], key: str, place: Place) -> bool:
        value = raw.get(key)
        if value is None:
            if key in ("method", "path"):
                self._fault((*place, key), "is missing")
            return False
        if not isinstance(value, str) or len(value) > TEXTS[key] or (key == "method" and value not in METHODS):
            words = f"one of {', '.join(METHODS)}" if key == "method" else f"a text of at most {TEXTS[key]} characters"
            self._fault((*place, key), f"{words} is expected")
            return False
        return True

    def _template(self, route: dict[str, Any], place: Place) -> Template | None:
        if "path" not in route:
            return None
        try:
            return Template.of(route["path"])
        except BadTemplate as error:
            self._fault((*place, "path"), str(error))
            return None

    def _flag(self, value: Any, place: Place) -> bool:
        if not isinstance(value, bool):
            self._fault(place, "true or false is expected")
        return bool(value)

    def _tags(self, value: Any, place: Place) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(each, str) and 0 < len(each) <= 60 for each in value):
            self._fault(place, "a list of short texts is expected")
            return []
        return value

    def _part(self, part: str, given: Any, template: Template | None, place: Place) -> Any:
        schema = self._loaded(given, place)
        self._schema(schema, place)
        if part == "body" or isinstance(schema, str):
            return schema
        members = schema.get("properties") if isinstance(schema, dict) else None
        if not isinstance(members, dict):
            self._fault(place, "an object schema with `properties` is expected: its members are looked at by name")
            return schema
        if part == "params":
            for name in members:
                if template is not None and name not in template.names:
                    self._fault((*place, "properties", name), f"the path has no {{{name}}}")
        elif part == "headers":
            self._headers(schema, members, place)
        return schema

    def _headers(self, schema: dict[str, Any], members: dict[str, Any], place: Place) -> None:
        for name in members:
            if name != name.lower():
                self._fault((*place, "properties", name), "names of header fields are in lower case here")
        if schema.get("additionalProperties") not in (None, True, {}):
            self._fault((*place, "additionalProperties"), "clients send more header fields than one can name")

    def _responses(self, raw: dict[str, Any], place: Place) -> dict[str, Any]:
        """They are told in the OpenAPI document, and what the worker answers is held against them."""
        given = raw.get("responses", {})
        if not isinstance(given, dict):
            self._fault((*place, "responses"), "an object by status is expected")
            given = {}
        made = {}
        for status, each in given.items():
            at = (*place, "responses", status)
            if not (status.isdigit() and len(status) == 3 and "1" <= status[0] <= "5") and status != "default":
                self._fault(at, "a status such as 200, or default")
            made[status] = self._response(each, at)
        if "response" in raw:
            schema = self._loaded(raw["response"], (*place, "response"))
            self._schema(schema, (*place, "response"))
            if "200" in made:
                self._fault((*place, "response"), "200 is told twice: either here or in responses")
            made["200"] = {"description": "It was done.", "schema": schema}
        return made

    def _response(self, given: Any, place: Place) -> dict[str, Any]:
        if not isinstance(given, dict) or set(given) - {"description", "schema"}:
            self._fault(place, "an object with description and schema is expected")
            return {}
        words = given.get("description", "")
        if not isinstance(words, str) or len(words) > TEXTS["description"]:
            self._fault((*place, "description"), "a text is expected")
            words = ""
        made: dict[str, Any] = {"description": words}
        if "schema" in given:
            made["schema"] = self._loaded(given["schema"], (*place, "schema"))
            self._schema(made["schema"], (*place, "schema"))
        return made

    def _schema(self, schema: Any, place: Place) -> None:
        shared = self._shared
        if self._read is None and (isinstance(schema, str) or any(isinstance(each, str) for each in shared.values())):
            return  # looked at when its files are there
        try:
            Schema(schema, shared)
        except BadSchema as error:
            for where, message in error.faults:
                self._fault((*place, *where), message)

    def _loaded(self, given: Any, place: Place) -> Any:
        """What a path stands for; a schema itself as it is."""
        if not isinstance(given, str):
            return given
        path = PurePosixPath(given)
        if path.is_absolute() or ".." in path.parts or path.suffix != ".json" or "\\" in given:
            self._fault(place, "a schema, or the path of a .json file of the project, is expected")
            return True
        if self._read is None:
            return given
        raw = self._read(str(path))
        if raw is None:
            self._fault(place, f"there is no file {given!r}")
            return True
        try:
            return read_json(raw)
        except Unreadable as error:
            self._fault(place, f"{given} {error}")
            return True
