"""Names of files, out of a template: whatever a database is called, its file is one path below the repository's root.

Every value becomes letters, digits, `.` and `-` in lower case; other bytes are `_XX`, also capitals: on a disk that
does not tell `Shop` from `shop` the two stay apart. A `_` is doubled. What is too long is cut, and ends in a digest.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from holdfast.kernel.errors import Invalid

DEFAULT = "{project}/{environment}/{database}/{taken:%Y-%m-%d_%H%M%S}-{id}"
FIELDS = ("project", "environment", "database", "engine", "taken", "id")
SNAPSHOT_IDS = re.compile(r"snap_[0-9a-hjkmnp-tv-z]{26}")
_FIELD = re.compile(r"\{([a-z]+)(?::([^{}]*))?\}")
_TIME = re.compile(r"(?:%[YmdHMSjV]|[-_.0-9A-Za-z])+")
_LITERAL = re.compile(r"[a-z0-9._/-]*")
_PLAIN = re.compile(r"[a-z0-9.-]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_MOST_VALUE = 80
_MOST_COMPONENT = 180  # what is added to the file's name for its form, packing, sealing and companions stays below 255
_MOST_TEMPLATE = 300


def escaped(name: str) -> str:
    """A part of one component. Different names stay different, whatever the case of letters means to a disk."""
    text = "".join(
        c if _PLAIN.fullmatch(c) else "__" if c == "_" else "".join(f"_{byte:02x}" for byte in c.encode())
        for c in unicodedata.normalize("NFC", name)
    )
    if len(text) > _MOST_VALUE:
        text = f"{text[: _MOST_VALUE - 14]}_z{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    if text.startswith((".", "-")) or not text or _RESERVED.match(text):
        text = f"_{ord(text[0]):02x}{text[1:]}" if text else "_00"
    return text


def check_template(template: str) -> None:
    """Raises Invalid (code "template_invalid"), which says what is wrong and shows one that is right."""
    if wrong := _wrong(template):
        raise Invalid(
            f"this name template has {wrong}",
            code="template_invalid",
            hint=f"{DEFAULT}; fields: {', '.join(FIELDS)}",
            details={"fields": [{"field": "template", "message": f"has {wrong}"}]},
        )


def _wrong(template: str) -> str | None:
    bare, fields = _FIELD.sub("x", template), _FIELD.findall(template)
    if len(template) > _MOST_TEMPLATE:
        return f"more than {_MOST_TEMPLATE} characters"
    if unknown := [name for name, _ in fields if name not in FIELDS]:
        return f"an unknown field {{{unknown[0]}}}"
    if odd := [name for name, form in fields if form and (name != "taken" or not _TIME.fullmatch(form))]:
        return f"a form of {{{odd[0]}}} that is not known; times are made of %Y %m %d %H %M %S %j %V and - _ ."
    if not _LITERAL.fullmatch(bare):
        return "other characters than lower-case letters, digits, - _ . and /"
    if any(part == "" or part.startswith((".", "-")) or part.endswith(".") for part in bare.split("/")):
        return "a component that is empty, or that begins with a dot or a dash, or ends with a dot"
    if "id" not in [name for name, _ in _FIELD.findall(template.rpartition("/")[2])]:
        return "no {id} in the file's own name: two snapshots could want one"
    return None


def filled(template: str, values: Mapping[str, str], at: datetime) -> str:
    """A relative path, without an ending. The moment is told in UTC. Raises Invalid (codes "template_invalid",
    "name_too_long")."""
    check_template(template)
    moment = at.astimezone(UTC)

    def one(match: re.Match[str]) -> str:
        name, form = match[1], match[2]
        if name == "taken":
            return f"{moment:{form or '%Y-%m-%d_%H%M%S'}}".lower()
        return values[name] if name == "id" else escaped(values[name])  # the id is ours

    path = _FIELD.sub(one, template)
    if any(len(part) > _MOST_COMPONENT for part in path.split("/")):
        raise Invalid("this name is too long for one file", code="name_too_long", hint="Take a shorter template.")
    return path
