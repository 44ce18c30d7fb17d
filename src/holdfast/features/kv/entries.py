"""Keys and values of a namespace for people: read and written in its file, as the workers' own calls are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from holdfast.features.access.actor import Actor
from holdfast.features.databases import store as databases
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.reach import Reach
from holdfast.features.kv.model import Namespace
from holdfast.features.kv.service import found
from holdfast.kernel import audit
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, LimitExceeded, Permanent, Retryable
from holdfast.runtime.bindings.kv_file import Delete, Entry, KvFile, Page, Put, checked_put
from holdfast.runtime.bindings.kv_rules import KvError, check_key
from holdfast.runtime.bindings.kv_usage import Usage

MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class Wish:
    """One value to put. `expiration` in seconds since 1970, `ttl` in seconds from now."""

    key: str
    value: str | bytes
    metadata: Any = None
    expiration: int | None = None
    ttl: int | None = None


class EntriesService:
    """Blocking: for threads. Raises Conflict unless the namespace's database is ready, and what breaks the rules of a
    key, a value or its options as Invalid or LimitExceeded."""

    def __init__(self, db: Database, reach: Reach, gate: Gate) -> None:
        self._db = db
        self._reach = reach
        self._gate = gate

    def keys(
        self, actor: Actor, namespace_id: str, *, prefix: str = "", cursor: str | None = None, limit: int = 50
    ) -> Page:
        with self._file(actor, namespace_id, "kv.read") as (_, file):
            return file.list(prefix, limit, cursor)

    def get(self, actor: Actor, namespace_id: str, key: str) -> Entry | None:
        with self._file(actor, namespace_id, "kv.read") as (_, file):
            return file.get(check_key(key))

    def usage(self, actor: Actor, namespace_id: str) -> tuple[Namespace, Usage]:
        with self._file(actor, namespace_id, "kv.read") as (namespace, file):
            return namespace, file.usage()

    def put(self, actor: Actor, namespace_id: str, wishes: Sequence[Wish]) -> None:
        """All of them or none; on disk when this returns. Raises DiskFull, LimitExceeded("kv_quota_exceeded")."""
        if not 1 <= len(wishes) <= MOST_AT_ONCE:
            raise Invalid(f"1 to {MOST_AT_ONCE} values at once", code="bulk_invalid")
        with self._file(actor, namespace_id, "kv.write") as (namespace, file):
            writes = [_checked(wish) for wish in wishes]
            self._reach.require_space(sum(write.size for write in writes), "putting values")
            self._note(actor, namespace, "kv.put", len(writes))
            file.apply(writes, namespace.quota)

    def delete(self, actor: Actor, namespace_id: str, keys: Sequence[str]) -> None:
        """Those that are not there are no error."""
        if not 1 <= len(keys) <= MOST_AT_ONCE:
            raise Invalid(f"1 to {MOST_AT_ONCE} keys at once", code="bulk_invalid")
        with self._file(actor, namespace_id, "kv.write") as (namespace, file):
            writes = [Delete(check_key(key)) for key in keys]
            self._note(actor, namespace, "kv.remove", len(writes))
            file.apply(writes)

    @contextmanager
    def _file(self, actor: Actor, namespace_id: str, permission: str) -> Iterator[tuple[Namespace, KvFile]]:
        """Through the gate, and only then the state: whoever swaps the file waits for us, or we for them."""
        with self._db.read() as conn:
            namespace = found(conn, actor, namespace_id, permission)
        with self._gate.shared(namespace.resource_id):
            path = self._path(namespace)
            try:
                with KvFile.open(path, prepare=True) as file:
                    yield namespace, file
            except KvError as error:
                raise _refused(error) from None
            except FileNotFoundError:
                raise Permanent(f"the file of {namespace.name!r} is gone", code="database_missing") from None
            except (apsw.BusyError, apsw.LockedError):
                raise Retryable(f"{namespace.name!r} is being written to", code="database_busy") from None
            except apsw.Error as error:
                raise Permanent(f"SQLite failed: {error}", code="database_failed") from error

    def _path(self, namespace: Namespace) -> Path:
        with self._db.read() as conn:
            resource = databases.get(conn, namespace.resource_id)
        path = (resource.endpoint or {}).get("path") if resource else None
        if resource is None or resource.state != "ready" or not path:
            state = resource.state if resource else "gone"
            raise Conflict(
                f"the namespace {namespace.name!r} is {state}, not ready",
                code="database_not_ready",
                hint="Wait for its run to end." if resource and resource.run_id else None,
                details={"state": state},
            )
        self._reach.require_here(resource)
        return Path(path)

    def _note(self, actor: Actor, namespace: Namespace, action: str, count: int) -> None:
        """How many, never which: keys are data."""
        with self._db.write() as conn:
            audit.record(
                conn,
                actor=actor.id,
                action=action,
                project_id=namespace.project_id,
                environment_id=namespace.environment_id,
                resource_id=namespace.resource_id,
                details={"namespace_id": namespace.id, "name": namespace.name, "keys": count},
            )


def _checked(wish: Wish) -> Put:
    return checked_put(
        wish.key, wish.value, metadata=wish.metadata, expiration=wish.expiration, expiration_ttl=wish.ttl
    )


def _refused(error: KvError) -> Permanent:
    if error.status == 507:
        hint = "Delete keys, or raise the limit: holdfast kv namespace limit NAME."
        return LimitExceeded(error.message, code="kv_quota_exceeded", hint=hint)
    if error.status in (413, 414):
        return LimitExceeded(error.message, code="kv_too_large")
    return Invalid(error.message, code="kv_invalid")
