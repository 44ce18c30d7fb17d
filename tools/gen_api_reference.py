"""Write docs/reference/api.md and openapi.json from the app. `--check` only says whether they are current.

Deterministic: keys are sorted in the JSON, operations by their paths in the page.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
METHODS = ("get", "post", "put", "patch", "delete")
HEAD = """# REST API

Generated from the application by `make docs`; do not edit. The same as OpenAPI {version}: [openapi.json](openapi.json);
a running Holdfast shows it at `/api/docs`.

Every error has the body `{{"error": {{"code", "message", "hint", "details", "retryable"}}}}`. Lists are pages
`{{"items", "next_cursor"}}`. Work that takes time answers 202 with `{{"resource", "run"}}`; watch the run.
"""


def document() -> dict[str, Any]:
    """The OpenAPI document of the app, built as the api process builds it, in a directory of its own."""
    from holdfast.app import build_services
    from holdfast.http import create_app
    from holdfast.kernel.settings import Settings

    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        settings = Settings(data=root / "data", runtime=root / "run", master_key_file=root / "key")
        settings.data.mkdir()
        settings.runtime.mkdir()
        services = build_services(settings)
        try:
            return create_app(services, settings).openapi()
        finally:
            for close in reversed(services.closers):
                close()


def as_json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def as_page(schema: Mapping[str, Any]) -> str:
    """All operations, grouped by tag, each with parameters, body and answers."""
    groups: dict[str, list[str]] = {}
    for path, operations in sorted(schema["paths"].items()):
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                tag = (operation.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append("\n".join(describe(schema, method.upper(), path, operation)))
    parts = [HEAD.format(version=schema["openapi"])]
    for tag in sorted(groups):
        parts += [f"## {tag.capitalize()}\n", *groups[tag]]
    return "\n".join(parts)


def describe(schema: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {method} {path}\n"
    words = operation.get("description") or operation.get("summary") or ""
    yield f"{escape(words)}\n"
    rows = [
        (
            each["name"],
            each["in"],
            type_of(each.get("schema", {})),
            each.get("required", False),
            each.get("description", ""),
        )
        for each in operation.get("parameters", ())
    ]
    body = next(iter((operation.get("requestBody") or {}).get("content", {}).values()), {}).get("schema")
    rows += [(name, "body", kind, required, words) for name, kind, required, words in fields(schema, body)]
    if rows:
        yield "| Name | In | Type | |\n|---|---|---|---|"
        for name, place, kind, required, text in rows:
            yield f"| `{name}` | {place} | {escape(kind)} | {'Required. ' if required else ''}{escape(text)} |"
        yield ""
    answers = []
    for status, answer in sorted(operation.get("responses", {}).items()):
        kinds = [type_of(content.get("schema", {})) for content in answer.get("content", {}).values()]
        answers.append(f"- `{status}` {escape(' or '.join(filter(None, kinds)) or answer.get('description', ''))}")
    yield "\n".join(answers) + "\n"


def fields(schema: Mapping[str, Any], body: Mapping[str, Any] | None) -> Iterator[tuple[str, str, bool, str]]:
    """The properties of a body's object."""
    if not body:
        return
    if "$ref" in body:
        body = schema["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    required = body.get("required", ())
    for name, field in body.get("properties", {}).items():
        yield name, type_of(field), name in required, field.get("description", "")


def type_of(field: Mapping[str, Any]) -> str:
    """A type in a few characters."""
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "const" in field:
        return json.dumps(field["const"])
    if "enum" in field:
        return " | ".join(json.dumps(value) for value in field["enum"])
    if several := field.get("anyOf") or field.get("oneOf"):
        return " | ".join(dict.fromkeys(type_of(each) for each in several))
    if field.get("type") == "array":
        return f"{type_of(field.get('items', {}))}[]"
    return str(field.get("format") or field.get("type") or "")


def escape(text: str) -> str:
    return re.sub(r"([<>|{}])", r"\\\1", " ".join(text.split()))


def main() -> int:
    schema = document()
    wanted = {REFERENCE / "openapi.json": as_json(schema), REFERENCE / "api.md": as_page(schema)}
    if "--check" in sys.argv[1:]:
        stale = [path.name for path, text in wanted.items() if not path.exists() or path.read_text() != text]
        print(f"out of date: {', '.join(stale)}: make docs" if stale else "the API reference is current")
        return 1 if stale else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
