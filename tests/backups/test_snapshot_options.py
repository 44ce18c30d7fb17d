"""Options of a snapshot: from the body to the row, and what it was taken with afterwards."""

from __future__ import annotations

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from world import OWNER, actor_with, refused, world

from holdfast.features.backups import cli_options
from holdfast.kernel.errors import Denied
from holdfast.vault.options import LEVELS

AWKWARD = "a\"b'; -- ü"


def test_what_was_chosen_is_kept_and_used() -> None:
    with world() as here:
        made = here.create("sqlite", AWKWARD)
        here.write(made.id, "create table t (a text)", "insert into t values ('x')")
        plain = here.snapshot(made.id, level=1)
        assert plain.options is not None
        assert plain.options["level"] == "default"
        assert plain.options["bandwidth"] is None
        wanted = {"level": "max", "bandwidth": 50_000_000, "workers": 1, "nice": 5}
        chosen = here.snapshot(made.id, level=1, options=wanted)
        assert chosen.options == wanted
        with here.db.read() as conn:
            snapshots = conn.exec_driver_sql("SELECT count(*) FROM snapshots").scalar()
        refused(
            "snapshot_options",
            lambda: here.services.snapshots.create(OWNER, made.id, options={"level": "best"}),
        )
        with pytest.raises(Denied):
            here.services.snapshots.create(actor_with("snapshot.read"), made.id, options=wanted)
        with here.db.read() as conn:
            assert conn.exec_driver_sql("SELECT count(*) FROM snapshots").scalar() == snapshots


@pytest.mark.parametrize(
    ("text", "bytes_per_second"),
    [("20MB/s", 20_000_000), ("500k", 500_000), ("1.5GiB/s", 3 << 29), ("65536", 65536), ("64KiB/s", 65536)],
)
def test_a_rate_as_people_write_it(text: str, bytes_per_second: int) -> None:
    assert cli_options.rate(text) == bytes_per_second


@given(st.text(max_size=12))
def test_any_other_text_is_wrong_usage(text: str) -> None:
    try:
        assert cli_options.rate(text) >= 0
    except typer.BadParameter:
        assert True
    if text.lower() in LEVELS:
        return
    with pytest.raises(typer.BadParameter):
        cli_options.compression(text)


def test_a_proof_given_as_a_level_says_what_was_meant() -> None:
    with pytest.raises(typer.BadParameter, match="--verify L3"):
        cli_options.compression("L3")
