"""An OpenAPI 3.1 document of a worker's declared routes (https://spec.openapis.org/oas/v3.1.0)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.runtime.live import Json
from holdfast.runtime.python.schemas.schema import SHARED
from holdfast.runtime.python.schemas.templates import Template

_VALUES = frozenset({"const", "enum", "default", "example", "examples"})  # what is no schema, whatever it looks like
_INVALID = "RequestInvalid"
_FIELD = {
    "type": "object",
    "required": ["field", "in", "rule", "message"],
    "properties": {
        "field": {"type": "string", "description": "Where it is, such as body.items[0].price."},
        "in": {"enum": ["params", "query", "headers", "body"]},
        "rule": {"type": "string", "description": "What of the schema it offends, such as minimum."},
        "message": {"type": "string"},
    },
}
REFUSED = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "hint": {"type": ["string", "null"]},
                "request_id": {"type": ["string", "null"]},
                "details": {"type": "object", "properties": {"fields": {"type": "array", "items": _FIELD}}},
            },
        }
    },
}


@dataclass(frozen=True)
class About:
    """`servers`: addresses; `protected`: its callers show a key."""

    title: str
    version: str
    description: str = ""
    servers: Sequence[str] = ()
    protected: bool = False


def document(about: About, routes: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> dict[str, Any]:
    """References lead to `components`: a schema with references of its own is put there whole."""
    made = _Document(shared)
    for route in routes:
        made.add(route)
    info = {"title": about.title, "version": about.version} | (
        {"description": about.description} if about.description else {}
    )
    whole: dict[str, Any] = {"openapi": "3.1.0", "info": info, "servers": [{"url": url} for url in about.servers]}
    whole |= {"paths": made.paths, "components": {"schemas": made.schemas}}
    if about.protected:
        whole["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "A key of the worker."},
            "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        }
        whole["security"] = [{"key": []}, {"header": []}]
    return whole


class _Document:
    def __init__(self, shared: Mapping[str, Any]) -> None:
        self.paths: dict[str, Any] = {}
        self.schemas: dict[str, Any] = {name: _moved(each, name) for name, each in shared.items()}

    def add(self, route: Mapping[str, Any]) -> None:
        method, path = str(route["method"]).lower(), str(route["path"])
        name = str(route.get("operation_id") or _name(method, path))
        operation: dict[str, Any] = {"operationId": name}
        for key in ("summary", "description", "tags", "deprecated"):
            if route.get(key):
                operation[key] = route[key]
        if parameters := self._parameters(route, name):
            operation["parameters"] = parameters
        if (body := route.get("body")) is not None:
            content = {"application/json": {"schema": self._placed(body, f"{name}.body")}}
            operation["requestBody"] = {"required": bool(route.get("body_required", True)), "content": content}
        operation["responses"] = self._responses(route, name)
        self.paths.setdefault(path, {})[method] = operation

    def _parameters(self, route: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        made = []
        for part, where in (("params", "path"), ("query", "query"), ("headers", "header")):
            schema = route.get(part) or {}
            members = dict(schema.get("properties") or {})
            if part == "params":
                members = {each: members.get(each, {"type": "string"}) for each in Template.of(route["path"]).names}
            base = f"{name}.{part}"
            local = _is_local(members)
            if local:
                self.schemas[base] = _moved(schema, base)
            for each, given in members.items():
                moved = _moved(given, base) if local else given
                needed = part == "params" or each in (schema.get("required") or ())
                one: dict[str, Any] = {"name": each, "in": where, "required": needed, "schema": moved}
                if isinstance(given, dict) and given.get("description"):
                    one["description"] = given["description"]
                made.append(one)
        return made

    def _responses(self, route: Mapping[str, Any], name: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for status, each in (route.get("responses") or {}).items():
            made[status] = {"description": each.get("description") or ""}
            if "schema" in each:
                schema = self._placed(each["schema"], f"{name}.{status}")
                made[status]["content"] = {"application/json": {"schema": schema}}
        if not made:
            made["200"] = {"description": "What the worker answers."}
        if any(route.get(part) is not None for part in ("params", "query", "headers", "body")) and "422" not in made:
            self.schemas[_INVALID] = REFUSED
            content = {"application/json": {"schema": {"$ref": SHARED + _INVALID}}}
            made["422"] = {
                "description": "The request is not what this route takes; its fields are named.",
                "content": content,
            }
        return made

    def _placed(self, schema: Any, name: str) -> Any:
        if not _is_local(schema):
            return schema
        self.schemas[name] = _moved(schema, name)
        return {"$ref": SHARED + name}


def _name(method: str, path: str) -> str:
    return "_".join([method, *filter(None, re.split(r"[^A-Za-z0-9]+", path))])


def _is_local(raw: Any) -> bool:
    """Whether a reference in it is meant from its own beginning."""
    if isinstance(raw, list):
        return any(_is_local(each) for each in raw)
    if not isinstance(raw, dict):
        return False
    pointer = raw.get("$ref")
    here = isinstance(pointer, str) and not pointer.startswith(SHARED)
    return here or any(_is_local(each) for name, each in raw.items() if name not in _VALUES)


def _moved(raw: Any, name: str) -> Any:
    """As it reads from `components/schemas/<name>`."""
    if isinstance(raw, list):
        return [_moved(each, name) for each in raw]
    if not isinstance(raw, dict):
        return raw
    made: dict[str, Json] = {}
    for key, each in raw.items():
        if key == "$ref" and isinstance(each, str):
            made[key] = _pointer(each, name)
        elif key == "mapping" and isinstance(each, dict):  # of a discriminator
            made[key] = {tag: _pointer(to, name) if isinstance(to, str) else to for tag, to in each.items()}
        else:
            made[key] = each if key in _VALUES else _moved(each, name)
    return made


def _pointer(pointer: str, name: str) -> str:
    if not pointer.startswith("#") or pointer.startswith(SHARED):
        return pointer
    return SHARED + name + pointer[1:]
