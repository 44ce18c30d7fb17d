"""Frozen contract values as canonical JSON and back.

Unknown fields are passed over: a newer Holdfast may have written them.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from holdfast.contract.snapshot import MANIFEST_VERSION, Manifest
from holdfast.kernel.errors import Corrupt

T = TypeVar("T")


_AS_IT_IS = frozenset((str, int, float, bool, type(None)))  # most of what comes: asking for its protocols costs more


def to_json(value: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8: equal values give equal bytes."""
    return json.dumps(to_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def to_plain(value: Any) -> Any:
    """Dataclasses, mappings and sequences as what JSON knows."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is dict:
        return {str(key): to_plain(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [to_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [to_plain(item) for item in value]
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def from_dict(kind: type[T], document: Mapping[str, Any]) -> T:
    """Build a dataclass from its JSON form. Raises Corrupt when a needed field is missing or has another shape."""
    if not isinstance(document, Mapping):
        raise Corrupt(f"{kind.__name__} is not a JSON object")
    hints = _hints(typing.cast(Any, kind))
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    try:
        return kind(**{name: _build(hints[name], document[name]) for name in known if name in document})
    except TypeError as error:
        raise Corrupt(f"{kind.__name__} cannot be read: {error}") from None


def _build(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_dict(hint, value)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in arguments if dataclasses.is_dataclass(a)]
        return _build(inner[0], value) if inner and isinstance(value, Mapping) else value
    if origin is tuple:
        return tuple(_build(arguments[0], item) for item in value)
    return value


def manifest_to_json(manifest: Manifest) -> bytes:
    """What is stored as `manifest.json`."""
    return to_json(manifest)


def manifest_from_json(data: bytes) -> Manifest:
    """Raises Corrupt, also (code "manifest_too_new") when a newer Holdfast wrote a shape this one cannot read."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Corrupt("a manifest is not JSON") from None
    version = document.get("manifest_version") if isinstance(document, dict) else None
    if not isinstance(version, int):
        raise Corrupt("a manifest has no version")
    if version > MANIFEST_VERSION:
        raise Corrupt(
            f"this snapshot's manifest has version {version}, this Holdfast reads up to {MANIFEST_VERSION}",
            code="manifest_too_new",
            hint="upgrade Holdfast, or restore with stock restic and RESTORE.md",
        )
    return from_dict(Manifest, document)
