"""`holdfast db edit`, `list --label`, `resize` and `rotate`, typed as a user types them."""

from __future__ import annotations

import pytest
from cli_kit import Holdfast

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli-server")]


def said(holdfast: Holdfast, *line: str) -> str:
    ran = holdfast(*line)
    assert ran.code == 0, ran.err
    return ran.out


def test_labels_colour_notes_and_protection(holdfast: Holdfast) -> None:
    said(holdfast, "db", "create", "sqlite", "edited", "--label", "team=web", "--label", "tier=1", "--colour", "red",
         "--notes", "ask Ada")  # fmt: skip
    out = said(holdfast, "db", "edit", "edited", "--label", "tier=2=x", "--remove-label", "team", "--protect")
    assert "labels tier=2=x" in out
    assert "protected against deletion" in out
    shown = said(holdfast, "db", "show", "edited")
    for words in ("tier=2=x", "red", "ask Ada", "against deletion"):
        assert words in shown, shown
    assert holdfast("db", "delete", "edited", "--confirm", "edited").code == 5
    assert [item["name"] for item in holdfast("db", "list", "--label", "tier=2=x", "--json").json] == ["edited"]
    assert "tier=2=x" in said(holdfast, "db", "list", "--colour", "red", "--notes", "Ada")
    assert "No database is like that." in said(holdfast, "db", "list", "--label", "tier=1")
    out = said(holdfast, "db", "edit", "edited", "--colour", "none", "--notes", "", "--no-protect")
    assert out.strip() == "Changed edited: no notes, not protected against deletion, no colour."
    for wrong in (("--remove-label", "team"), ("--label", "x"), ()):
        ran = holdfast("db", "edit", "edited", *wrong)
        assert (ran.code, "Traceback" in ran.err) == (2, False), ran.err
    said(holdfast, "db", "delete", "edited", "--confirm", "edited")


def test_a_new_size_and_new_passwords(holdfast: Holdfast) -> None:
    said(holdfast, "db", "create", "postgresql", "sized")
    out = said(holdfast, "db", "resize", "sized", "--set", "work_mem_mb=8", "--set", "memory_mb=512")
    assert out.startswith("work_mem_mb: 4 -> 8\nmemory_mb: none -> 512\nApplied at once."), out
    ran = holdfast("db", "resize", "sized", "--set", "max_connections=40")
    assert ran.code == 2
    assert "restarts the database (max_connections) and ends its sessions" in ran.err
    assert "--confirm" in ran.err
    out = said(holdfast, "db", "resize", "sized", "--set", "max_connections=40", "--confirm", "sized")
    assert out == "max_connections: 30 -> 40\nApplied by a restart.\n"
    ran = holdfast("db", "resize", "sized", "--set", "memory_mb=40")
    assert (ran.code, "memory_mb" in ran.err) == (1, True), (ran.code, ran.err)
    before = said(holdfast, "db", "url", "sized")
    assert holdfast("db", "rotate", "sized").code == 2
    out = said(holdfast, "db", "rotate", "sized", "--confirm", "sized")
    assert "sized has new passwords. Nobody was connected.\nSee them: holdfast db url sized" in out
    assert said(holdfast, "db", "url", "sized") != before
    assert holdfast("db", "rotate", "sized", "--confirm", "sized", "--json").json["sessions_ended"] == 0
