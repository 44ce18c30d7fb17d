"""`holdfast retention`, `snapshot hold` and the like, and `repo gc`, as a user types them."""

from __future__ import annotations

import pytest
from cli_kit import Holdfast

NAME = "kept ü"
RULES = ("--last", "1", "--daily", "0", "--weekly", "0", "--monthly", "0")


@pytest.mark.slow
def test_from_a_policy_to_an_empty_repository(holdfast: Holdfast) -> None:
    assert holdfast("db", "create", "sqlite", NAME).code == 0
    snapshots = [
        holdfast("snapshot", "create", NAME, "--verify", "L1", "--json").json["snapshot"]["id"] for _ in range(2)
    ]
    assert "default policy" in holdfast("retention", "show", NAME).out
    assert holdfast("retention", "set", NAME).code == 2
    assert holdfast("retention", "set", NAME, *RULES, "--minimum", "1", "--tz", "Asia/Kathmandu").code == 0
    shown = holdfast("retention", "show", NAME, "--json").json
    assert (shown["policy"]["last"], shown["policy"]["minimum"], shown["tz"]) == (1, 1, "Asia/Kathmandu")

    previewed = holdfast("retention", "preview", NAME, "--last", "2", "--json").json
    assert (previewed["keep"], previewed["go"]) == (2, 0)
    dry = holdfast("retention", "apply", NAME)
    assert (dry.code, "GO" in dry.out, "dry run" in dry.err) == (0, True, True), dry
    assert holdfast("retention", "apply", NAME, "--apply").code == 2

    assert holdfast("snapshot", "tag", snapshots[0], "--add", "release", "--add", "x", "--remove", "x").code == 0
    assert holdfast("snapshot", "hold", snapshots[0]).code == 0
    assert holdfast("retention", "apply", NAME, "--apply", "--confirm", NAME, "--json").json["forgotten"] == []
    assert holdfast("snapshot", "unhold", snapshots[0]).code == 0
    gone = holdfast("retention", "apply", NAME, "--apply", "--confirm", NAME)
    assert "Forgot 1 snapshot, kept 1" in gone.out, gone
    assert snapshots[0] in holdfast("retention", "forgotten", NAME).out
    assert holdfast("snapshot", "undelete", snapshots[0]).code == 0
    assert holdfast("snapshot", "undelete", snapshots[0]).code == 5

    assert holdfast("retention", "set", NAME, "--inherit").code == 0
    assert "scattered" in holdfast("repo", "gc", "default", "--dry-run").out
    assert "nothing to collect" in holdfast("repo", "gc", "default").out
    assert "nothing was deleted" in holdfast("repo", "gc", "default").out
    assert "collected" in holdfast("repo", "show", "default").out
