"""Values of a result as JSON, and parameters back.

null, booleans, text, lists and objects are themselves. Numbers are JSON numbers while every reader keeps them exact:
whole numbers beyond +-(2**53 - 1), decimals and non-finite floats ("NaN", "Infinity", "-Infinity") are strings, and the
column's `type` says what they are. Bytes are {"$bytes": base64}. Moments are RFC 3339 (without offset when they have
none), intervals ISO 8601 durations, UUIDs text. An object that itself has a key beginning with "$" is wrapped as
{"$json": object}, so that no stored document can pass for bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from holdfast.kernel.errors import Invalid

MAX_EXACT = 2**53 - 1
_PLAIN = frozenset({str, bool, type(None)})


def encode_value(value: Any) -> Any:
    """One value of a row in the form above. Unknown types become their text: a column must never break a result."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if -MAX_EXACT <= value <= MAX_EXACT else str(int(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else _non_finite(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, Mapping):
        encoded = {str(key): encode_value(item) for key, item in value.items()}
        return {"$json": encoded} if any(key.startswith("$") for key in encoded) else encoded
    if isinstance(value, (Sequence, set, frozenset)):
        return [encode_value(item) for item in value]
    return str(value)


def encode_row(row: Iterable[Any]) -> list[Any]:
    """One row in order."""
    return [value if type(value) in _PLAIN else encode_value(value) for value in row]


def _non_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def duration(value: timedelta) -> str:
    """ISO 8601 in days and seconds, exact to the microsecond: P1DT2.000003S."""
    micros = value // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    days, rest = divmod(micros, 86_400_000_000)
    seconds, fraction = divmod(rest, 1_000_000)
    tail = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{sign}P{days}DT{seconds}{tail}S"


def decode_value(value: Any) -> Any:
    """A parameter from JSON. Raises Invalid (code "params_invalid") for a malformed "$" object."""
    if isinstance(value, list):
        return [decode_value(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$bytes"}:
        try:
            return base64.b64decode(value["$bytes"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Invalid('"$bytes" takes base64 text', code="params_invalid") from None
    if set(value) == {"$json"} and isinstance(value["$json"], dict):
        return {key: decode_value(item) for key, item in value["$json"].items()}
    if any(str(key).startswith("$") for key in value):
        raise Invalid('an object with a "$" key is {"$bytes": ...} or {"$json": ...}', code="params_invalid")
    return {key: decode_value(item) for key, item in value.items()}


def decode_params(params: Any) -> Sequence[Any] | Mapping[str, Any]:
    """Positional or named parameters. Raises Invalid (code "params_invalid")."""
    if params is None:
        return ()
    if isinstance(params, list):
        return tuple(decode_value(item) for item in params)
    if isinstance(params, dict):
        return {str(key): decode_value(item) for key, item in params.items()}
    raise Invalid("params is a list or an object", code="params_invalid")


def json_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8; text that is no Unicode (lone surrogates) is escaped, so the line is always valid."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode()
