"""What a database's owner sets for its sessions does not end ours, and can be set back."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from pg_server import Cluster, capture, execute, rows

from holdfast.contract.conformance import Place
from holdfast.engines.postgresql import engine

SHORT = ("statement_timeout", "transaction_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout")


def test_a_snapshot_and_the_settings_outlast_the_databases_own_timeouts(pg18: Cluster) -> None:
    with pg18.fresh("hasty") as place:
        execute(place, "CREATE TABLE t AS SELECT n AS id, repeat('x', 500) AS note FROM generate_series(1, 30000) n")
        engine.tune(place.endpoint, dict.fromkeys(SHORT, "20ms"))
        assert _default(place) == "20ms"
        source = capture(place)
        assert sum(len(content) for content in source.files.values()) > 10_000_000
        there = {one.name: one for one in engine.settings(place.endpoint)}
        assert {(there[name].value, there[name].changed) for name in SHORT} == {("20ms", True)}
        engine.tune(place.endpoint, dict.fromkeys(SHORT))
        there = {one.name: one for one in engine.settings(place.endpoint)}
        assert not any(there[name].changed for name in SHORT)
        assert there["idle_in_transaction_session_timeout"].value in ("1h", "3600000"), (
            "what the server's own file says"
        )


def _default(place: Place) -> str:
    """What a session of the owner begins with: asked until one of them gets an answer within it."""
    for _ in range(100):
        with suppress(psycopg.OperationalError):
            ((found,),) = rows(place, "SELECT current_setting('transaction_timeout')", "owner")
            return str(found)
    raise AssertionError("no session lived long enough")
