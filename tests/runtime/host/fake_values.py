"""The codec's face on JSON, until runtime/bindings/values.py is there."""

from __future__ import annotations

import json
import sys
from contextvars import ContextVar
from types import ModuleType
from typing import Any


class JsDict(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def decode(data: bytes, make: Any = dict) -> Any:
    return json.loads(data, object_hook=make)


def encode_call(args: Any, options: Any) -> bytes:
    return encode([list(args), options])


def decode_call(data: bytes, make: Any = dict) -> Any:
    args, options = decode(data, make)
    return args, dict(options)


def encode_error(kind: str, message: str) -> bytes:
    return encode({"type": kind, "message": message})


def decode_error(data: bytes) -> tuple[str, str]:
    told = decode(data)
    return told["type"], told["message"]


def install() -> None:
    values, attributes, service = (
        ModuleType(f"holdfast.runtime.bindings.{name}") for name in ("values", "attributes", "client_service")
    )
    for each in (encode, decode, encode_call, decode_call, encode_error, decode_error):
        setattr(values, each.__name__, each)
    attributes.JsDict = JsDict  # type: ignore[attr-defined]
    service.depth = ContextVar("depth", default=0)  # type: ignore[attr-defined]
    import holdfast.runtime.bindings as package

    for module in (values, attributes, service):
        sys.modules[module.__name__] = module
        setattr(package, module.__name__.rpartition(".")[2], module)
