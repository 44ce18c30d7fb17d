"""Limits from the command line, and a key that meets them on a real server: downloads, storage, calls."""

from __future__ import annotations

import re

import pytest
from cli_kit import Holdfast, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli-server")]


def test_limits_are_set_shown_and_cleared(holdfast: Holdfast) -> None:
    assert re.search(r"every key +calls +1000 +per hour", holdfast("limit", "list", "--shipped").out)
    assert holdfast("project", "create", "limited").code == 0
    said = holdfast("limit", "set", "storage", "10GiB", "--for", "project:limited")
    assert said.out.strip() == "Limit of storage for project:limited: 10.0 GiB in all."
    assert holdfast("limit", "set", "calls", "none", "--for", "project:limited", "--json").json["amount"] is None
    listed = holdfast("limit", "list").out
    assert "10.0 GiB" in listed
    usage = holdfast("usage", "--for", "project:limited")
    assert "░" * 20 in usage.out
    assert "10.0 GiB" in usage.out
    assert holdfast("limit", "clear", "storage", "--for", "project:limited").code == 0
    assert holdfast("limit", "clear", "storage", "--for", "project:limited").code == 3
    assert holdfast("usage").out.startswith("You have no limits here.")


@pytest.mark.parametrize(
    "line",
    [
        ("limit", "set", "calls", "many", "--for", "keys"),
        ("limit", "set", "calls", "5", "--for", "everyone"),
        ("limit", "set", "calls", "5", "--for", "worker:x"),
        ("usage", "--for", "keys"),
    ],
)
def test_what_means_nothing_is_wrong_usage(holdfast: Holdfast, line: tuple[str, ...]) -> None:
    assert holdfast(*line).code == 2


def test_a_key_meets_its_limits(holdfast: Holdfast, server: dict[str, str]) -> None:
    assert holdfast("project", "create", "metered").code == 0
    assert holdfast("db", "create", "sqlite", "shop", "--project", "metered").code == 0
    taken = holdfast("snapshot", "create", "shop", "--project", "metered", "--json")
    assert taken.code == 0, taken.err
    snapshot = taken.json["id"] if "id" in taken.json else taken.json["snapshot"]["id"]
    made = holdfast("key", "create", "meter", "--role", "operator", "--project", "metered", "--json").json
    url = str(holdfast("status", "--json").json["keeper"]["url"])
    theirs = {**server, "HOLDFAST_URL": url, "HOLDFAST_API_KEY": made["key"]}
    theirs.pop("HOLDFAST_DATA", None)
    assert holdfast("limit", "set", "downloads", "1", "--for", f"key:{made['id']}").code == 0
    assert run(theirs, "snapshot", "cat", snapshot, "manifest.json").code == 0
    again = run(theirs, "snapshot", "cat", snapshot, "manifest.json", "--json")
    assert (again.code, again.error["code"]) == (1, "quota_exceeded")
    own = run(theirs, "usage")
    assert "nearly reached" in own.out
    assert "█" * 20 in own.out
    assert holdfast("limit", "set", "storage", "1", "--for", "project:metered").code == 0
    full = run(theirs, "snapshot", "create", "shop", "--project", "metered", "--json")
    assert (full.code, full.error["code"]) == (1, "quota_exceeded")
    assert holdfast("limit", "set", "calls", "0", "--for", f"key:{made['id']}").code == 0
    none = run(theirs, "project", "list", "--json")
    assert (none.code, none.error["code"]) == (1, "rate_limited")
