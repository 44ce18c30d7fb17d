"""Where the audit log's keys are kept, and how a process gets ready to write rows."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping

from holdfast.kernel.audit_chain import begin
from holdfast.kernel.audit_seal import SEAL, Seal, set_seal
from holdfast.kernel.crypto import KEY_BYTES
from holdfast.kernel.db import Database
from holdfast.kernel.secrets import SYSTEM, Secrets

RESOURCE = "audit"
_NAME = "key-"


def seal_rows(db: Database, secrets: Secrets, written: Callable[[], None] | None = None) -> Seal:
    """Every row written through `db` from now on carries a mac. The first process ever makes the key
    and begins the chain.

    `written` is called after each commit that wrote a row. Raises what `Secrets` does when the master key is wrong.
    """
    with db.read() as conn:
        kept = secrets.all(conn, SYSTEM, RESOURCE)
    if not kept:
        with db.write() as conn:
            kept = secrets.all(conn, SYSTEM, RESOURCE)
            if not kept:
                secrets.put(conn, SYSTEM, RESOURCE, f"{_NAME}1", base64.b64encode(os.urandom(KEY_BYTES)).decode())
                kept = secrets.all(conn, SYSTEM, RESOURCE)
                seal = _seal(kept, written)
                begin(conn.execution_options(**{SEAL: seal}), seal)
    seal = _seal(kept, written)
    set_seal(db.engine, seal)
    return seal


def _seal(kept: Mapping[str, str], written: Callable[[], None] | None) -> Seal:
    return Seal({int(name.removeprefix(_NAME)): base64.b64decode(value) for name, value in kept.items()}, written)
