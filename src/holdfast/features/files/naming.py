"""Names of files, out of a template: whatever a database is called, the name is one safe path below its root."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from holdfast.kernel.errors import Invalid

DEFAULT = "{project}/{resource}/{date}-{time}-{id}.{ext}"
FIELDS = ("project", "environment", "resource", "engine", "date", "time", "id", "ext")
_FIELD = re.compile(r"\{([^{}]*)\}")
_MOST_BYTES = 200  # of one component: stores and file systems take 255
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"


def escaped(name: str) -> str:
    """One component: letters, digits, - _ . ~ as they are, every other byte as %XX. Different names stay different:
    a % is escaped too, and a long one ends in nothing but its cut. Never empty, `.`, `..`, hidden, or a device."""
    text = "".join(c if c in _SAFE else quote(c, safe="") for c in unicodedata.normalize("NFC", name))
    if text.startswith(".") or not text or _RESERVED.match(text):
        text = "%" + (f"{ord(text[0]):02X}{text[1:]}" if text else "00")
    return text


def check_template(template: str) -> None:
    """Raises Invalid (code "template_invalid"): unknown fields, no {id}, a path that leaves its root, characters."""
    fields = _FIELD.findall(template)
    bare = _FIELD.sub("x", template)
    unknown = [field for field in fields if field not in FIELDS]
    wrong = (
        f"unknown field {{{unknown[0]}}}" if unknown
        else "a lone brace" if "{" in bare or "}" in bare
        else "no {id}: two snapshots could want one name" if "id" not in fields
        else "no {ext} at its end" if not template.endswith("{ext}")
        else "a component that is empty, . or .., or begins with a dot" if _leaves(bare)
        else "other characters than letters, digits, - _ . ~ and /" if set(bare) - set(_SAFE + "/")
        else "more than 400 characters" if len(template) > 400
        else None
    )  # fmt: skip
    if wrong:
        raise Invalid(
            f"this template has {wrong}", code="template_invalid", hint=f"{DEFAULT}; fields: {', '.join(FIELDS)}"
        )


def filled(template: str, values: Mapping[str, str], at: datetime) -> str:
    """A relative path with "/" between components. Every value is one component or a part of one, never more.

    Raises Invalid (code "name_too_long")."""
    moment = at.astimezone(UTC)
    known = {"date": f"{moment:%Y%m%d}", "time": f"{moment:%H%M%S}"} | {k: escaped(v) for k, v in values.items()}
    if "ext" in values:
        known["ext"] = values["ext"]  # ours
    path = _FIELD.sub(lambda match: known[match[1]], template)
    if any(len(part.encode()) > _MOST_BYTES for part in path.split("/")):
        raise Invalid("this name is too long for one file", code="name_too_long", hint="Take a shorter template.")
    return path


def _leaves(bare: str) -> bool:
    return any(part == "" or part.startswith(".") for part in bare.split("/"))
