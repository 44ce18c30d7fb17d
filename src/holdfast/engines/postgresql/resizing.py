"""Other limits and settings for a server that stands."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from holdfast.contract.resizing import Change, differing, wrong
from holdfast.contract.spec import Endpoint, Spec
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.names import elsewhere
from holdfast.engines.postgresql.plan import RESERVED_SESSIONS
from holdfast.engines.postgresql.spec import PostgresqlSpec
from holdfast.kernel.errors import Invalid, Permanent

_AT_START = ("shared_buffers_mb", "max_connections")  # context "postmaster" in pg_settings
_FIXED = {"version": "`holdfast db upgrade` moves it to another version", "extensions": "see `holdfast upkeep`"}
_ROOM_MB = 32  # a server needs this much beside its page cache to start at all


class Resizes:
    """Implements CanResize."""

    def changes(self, before: Spec, after: Spec) -> tuple[Change, ...]:
        old, new = _own(before), _own(after)
        found = differing(old, new)
        for name in found:
            if name in _FIXED:
                raise wrong(name, f"stays as it was created; {_FIXED[name]}")
        if new.memory_mb is not None and new.memory_mb < new.shared_buffers_mb + _ROOM_MB:
            least = new.shared_buffers_mb + _ROOM_MB
            raise wrong("memory_mb", f"with {new.shared_buffers_mb} MB of shared_buffers_mb it takes at least {least}")
        more = _sessions(old) != _sessions(new)  # the server counts ours on top of the users' own
        at_start = {*_AT_START, *(("connection_limit",) if more else ())}
        return tuple(
            Change(name, *pair, applies="restart" if name in at_start else "at once") for name, pair in found.items()
        )

    def used(self, at: Endpoint) -> Mapping[str, float]:  # noqa: ARG002
        return {}

    def resize(self, at: Endpoint, spec: Spec) -> None:  # noqa: ARG002
        try:
            with link.connect(elsewhere(at, "postgres"), settings={}) as admin:
                admin.execute("SELECT pg_catalog.pg_reload_conf()")
                broken = admin.execute(
                    "SELECT error FROM pg_catalog.pg_file_settings WHERE error IS NOT NULL"
                ).fetchall()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "changing the server's settings") from error
        told = [str(row[0]) for row in broken if "without restarting" not in str(row[0])]
        if told:
            raise Permanent(f"the server refuses its settings: {told[0]}", code="settings_refused")


def _sessions(spec: PostgresqlSpec) -> int:
    return max(spec.max_connections, spec.connection_limit + RESERVED_SESSIONS)


def _own(spec: Spec) -> PostgresqlSpec:
    if not isinstance(spec, PostgresqlSpec):
        raise Invalid("this is not a PostgreSQL spec", code="spec_invalid")
    return spec
