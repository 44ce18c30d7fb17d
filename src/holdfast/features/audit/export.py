"""The log as a file: JSON, one object per line, or CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from holdfast.features.audit.store import AuditEvent
from holdfast.web import sheets

COLUMNS = tuple(AuditEvent.__dataclass_fields__)


def written(events: Iterable[AuditEvent], kind: str) -> Iterator[bytes]:
    """The file's pieces. `kind` is one of `sheets.MEDIA`."""
    return sheets.written(map(_row, events), COLUMNS, kind)


def _row(event: AuditEvent) -> dict[str, Any]:
    """Moments as this file has had them from the first: with an offset, not with Z."""
    at, erased_at = event.at.isoformat(), event.erased_at.isoformat() if event.erased_at else None
    return asdict(event) | {"at": at, "erased_at": erased_at}
