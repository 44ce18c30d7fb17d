"""What makes an audit row ours: its canonical bytes, its payload's digest, and the keys behind mac and chain.

HMAC-SHA256 (RFC 2104). The payload (details and address: where personal data is) enters as a salted digest; when it is
erased with its salt, the digest stays, tells nothing, and the chain still verifies.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.clock import timestamp
from holdfast.kernel.crypto import derive, equal

SEAL = "holdfast_audit_seal"
_FIELDS = ("id", "actor", "action", "project_id", "environment_id", "resource_id", "request_id", "outcome", "digest")


@dataclass(frozen=True)
class Seal:
    """The installation's audit keys by version, and whom to tell that a row was written.

    `written` is called after each commit that wrote one; it must not wait.
    """

    keys: Mapping[int, bytes] = field(repr=False)
    written: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        derived = {
            version: {purpose: derive(key, f"holdfast audit {purpose}") for purpose in ("row", "chain", "head")}
            for version, key in self.keys.items()
        }
        object.__setattr__(self, "_derived", derived)

    @property
    def version(self) -> int:
        """The newest key's."""
        return max(self.keys)

    def mac(self, row: Mapping[str, Any]) -> tuple[int, str]:
        """(key version, mac) of a row before it has a place."""
        return self.version, self._sign("row", self.version, canonical(row))

    def made_here(self, row: Mapping[str, Any]) -> bool:
        """Whether a row without a place was written by this installation and not changed since."""
        if row["mac"] is None or row["key_version"] not in self.keys:
            return False
        good = equal(row["mac"], self._sign("row", row["key_version"], canonical(row)))
        return good and row["erased_at"] is None and row["digest"] == _digest_of(row)

    def link(self, before: str, seq: int, row: Mapping[str, Any]) -> str:
        """The chain value of a row at place `seq` after one whose value is `before`."""
        version = row["key_version"] or min(self.keys)  # rows from before the chain began have no key of their own
        if version not in self.keys:
            return ""
        message = json.dumps([before, seq, row["mac"], row["key_version"]]).encode() + canonical(row)
        return self._sign("chain", version, message)

    def head(self, seq: int, chain: str) -> str:
        """What shows that the log once ended here."""
        return f"{self.version}.{self._sign('head', self.version, json.dumps([seq, chain]).encode())}"

    def was_head(self, seq: int, chain: str, mac: str) -> bool:
        version, _, signature = mac.partition(".")
        if not version.isdigit() or int(version) not in self.keys:
            return False
        return equal(signature, self._sign("head", int(version), json.dumps([seq, chain]).encode()))

    def _sign(self, purpose: str, version: int, message: bytes) -> str:
        keys: Mapping[int, Mapping[str, bytes]] = self._derived  # type: ignore[attr-defined]
        return hmac.new(keys[version][purpose], message, hashlib.sha256).hexdigest()


def set_seal(engine: sa.Engine, seal: Seal) -> None:
    """From now on every row written through `engine` carries a mac. Once per process, before the first row."""
    engine.update_execution_options(**{SEAL: seal})


def canonical(row: Mapping[str, Any]) -> bytes:
    """The same bytes for the same facts, in whichever database they were kept."""
    return json.dumps([timestamp(row["at"]), *(row[name] for name in _FIELDS)]).encode()


def payload_digest(salt: str, address: str | None, details: Any) -> str:
    """Salted: without the salt nobody can try which address or name it was."""
    text = json.dumps([salt, address, _steady(details)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def payload_intact(row: Mapping[str, Any]) -> bool:
    """Whether address and details are what the digest says; an erased payload must be wholly gone."""
    if row["erased_at"] is not None:
        return row["salt"] is None and row["address"] is None and row["details"] == {}
    return row["salt"] is not None and bool(row["digest"] == _digest_of(row))


def _digest_of(row: Mapping[str, Any]) -> str | None:
    return None if row["salt"] is None else payload_digest(row["salt"], row["address"], row["details"])


def plain(value: Any) -> Any:
    """What both databases keep as it is: string keys, finite numbers, no NUL (PostgreSQL's jsonb has none)."""
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _steady(value: Any) -> Any:
    """jsonb gives 1e16 back as a whole number: both forms must give the same bytes."""
    if isinstance(value, Mapping):
        return {key: _steady(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_steady(item) for item in value]
    if isinstance(value, float):
        whole = Decimal(repr(value))
        return ["number", str(int(whole)) if whole == int(whole) else repr(value)]
    if isinstance(value, int) and not isinstance(value, bool):
        return ["number", str(value)]
    return value
