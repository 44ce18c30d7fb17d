"""Whose a repository is: after a recovery the server that was thought lost must not write into it any more.

A claim is one piece beside the snapshots, `claims/<installation>-<epoch>`, sealed with the repository's key. Stock
restic does not look there. The epoch of an installation rises with each recovery.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from holdfast.features.backups.formats import Opened
from holdfast.kernel.errors import NeedsOperator

_CLAIM = re.compile(r"claims/([0-9a-f]{16})-([0-9]{1,9})")


def claimed(repository: Opened, installation: str) -> int:
    """The highest epoch of the installation that claims it; 0 when none does."""
    mine, highest = _short(installation), 0
    for name, _ in repository.store.list("claims"):
        found = _CLAIM.fullmatch(name)
        if found and found[1] == mine:
            highest = max(highest, int(found[2]))
    return highest


def claim(repository: Opened, installation: str, epoch: int, facts: Mapping[str, Any]) -> None:
    """From here on servers of an older epoch are refused. Again is success."""
    sealed = repository.sealed({"installation": installation, "epoch": epoch, **facts})
    repository.store.put(_name(installation, epoch), [sealed])


def require_current(repository: Opened, name: str, installation: str, epoch: int) -> None:
    """Raises NeedsOperator("superseded") when the installation was recovered elsewhere meanwhile."""
    highest = claimed(repository, installation)
    if highest <= epoch:
        return
    facts = repository.unsealed(repository.store.get(_name(installation, highest)))
    raise NeedsOperator(
        f"this server was recovered elsewhere at {facts.get('at')}: the repository {name!r} is the new one's",
        code="superseded",
        hint="Stop this server. Two that write as one would take each other's snapshots for their own.",
        details={"epoch": epoch, "claimed": highest, "node": str(facts.get("node", ""))},
    )


def _name(installation: str, epoch: int) -> str:
    return f"claims/{_short(installation)}-{epoch}"


def _short(installation: str) -> str:
    return hashlib.sha256(installation.encode()).hexdigest()[:16]
