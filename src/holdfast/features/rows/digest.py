"""A row's digest: equal while no value of it changed. It is the row's ETag."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from holdfast.features.databases.encoding import encode_value, json_bytes
from holdfast.kernel.errors import Invalid

_ETAG = re.compile(r'^"(r[0-9a-f]{32})"$')


def digest(values: Mapping[str, Any]) -> str:
    """Of encoded values, by column."""
    told = json_bytes(sorted(values.items()))
    return "r" + hashlib.blake2b(told, digest_size=16).hexdigest()


def digest_of(row: Mapping[str, Any]) -> str:
    """Of values as the engine gives them."""
    return digest({name: encode_value(value) for name, value in row.items()})


def from_header(if_match: str | None) -> str | None:
    """The digest of an If-Match header. Raises Invalid("etag_invalid")."""
    if if_match is None:
        return None
    found = _ETAG.match(if_match.strip())
    if found is None:
        raise Invalid(
            "If-Match is not a row's digest", code="etag_invalid", hint='It reads "r0123...", quotes included.'
        )
    return found[1]
