"""`holdfast snapshot create` of several databases, typed as a user types it."""

from __future__ import annotations

import pytest
from cli_kit import Holdfast

NAMES = ("a\"b'; --", "many ü")


@pytest.mark.slow
@pytest.mark.xdist_group("cli-server")
def test_several_at_once_and_what_became_of_each(holdfast: Holdfast) -> None:
    for name in NAMES:
        assert holdfast("db", "create", "sqlite", name, "--label", "of=many").code == 0
    ran = holdfast("snapshot", "create", *NAMES, "--verify", "L1")
    assert (ran.code, "2 of 2 taken and proven." in ran.out) == (0, True), ran.err
    assert holdfast("db", "stop", NAMES[1]).code == 0
    ran = holdfast("snapshot", "create", "--label", "of=many", "--verify", "L1")
    assert (ran.code, "1 of 2 taken and proven." in ran.out) == (1, True), ran.err
    assert "is stopped" in ran.out
    items = holdfast("snapshot", "create", "--label", "of=many", "--verify", "L1", "--json").json["items"]
    assert sorted(item["state"] for item in items) == ["ready", "refused"]
    told = holdfast("snapshot", "create", "--label", "of=many", "--no-wait", "--json").json
    assert len(told["runs"]) == 1
    for wrong, code in (((), 2), ((NAMES[0], "--all"), 2), (("--label", "of"), 2), (("--label", "of=none"), 1)):
        ran = holdfast("snapshot", "create", *wrong)
        assert (ran.code, "Traceback" in ran.err) == (code, False), (wrong, ran.err)
    for name in NAMES:
        assert holdfast("db", "delete", name, "--confirm", name).code == 0
