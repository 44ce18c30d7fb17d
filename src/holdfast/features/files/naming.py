"""Names of files: whatever a database is called, the name is one safe component; in a zip no two are one."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC
from urllib.parse import quote

from holdfast.contract.plain import PlainFile
from holdfast.features.backups.model import Snapshot
from holdfast.vault.plain.wish import FileWish

_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"


def escaped(name: str) -> str:
    """One component: letters, digits, - _ . ~ as they are, every other byte as %XX. Different names stay different:
    a % is escaped too, and a long one ends in nothing but its cut. Never empty, `.`, `..`, hidden, or a device."""
    text = "".join(c if c in _SAFE else quote(c, safe="") for c in unicodedata.normalize("NFC", name))
    if text.startswith(".") or not text or _RESERVED.match(text):
        text = "%" + (f"{ord(text[0]):02X}{text[1:]}" if text else "00")
    return text


def file_name(snapshot: Snapshot, made: PlainFile, wish: FileWish) -> str:
    """No other snapshot's file has it: its id is in it."""
    taken = (snapshot.taken_at or snapshot.created_at).astimezone(UTC)
    tail = f"{taken:%Y%m%d-%H%M%S}-{snapshot.id}.{made.extension}{wish.extension}"
    return f"{escaped(snapshot.resource_name)[:180]}-{tail}"


def member_name(name: str, snapshot_id: str, others: set[str]) -> str:
    """Of a file in a zip: safe, and no other's, whatever its case. A stored one may be called anything: one that is
    taken goes below its snapshot's id."""
    safe = "/".join(escaped(part) for part in name.split("/") if part)
    if safe.casefold() in others or f"{safe}.restore.md".casefold() in others:
        safe = f"{snapshot_id}/{safe}"
    others |= {safe.casefold(), f"{safe}.restore.md".casefold()}
    return safe
