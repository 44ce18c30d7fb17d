"""`holdfast drill`, typed as a user types it."""

from __future__ import annotations

import pytest
from cli_kit import Holdfast

ASK = ("drill", "ask", "rehearsed", "two rows", "select count(*) from t")


def said(holdfast: Holdfast, *line: str) -> str:
    ran = holdfast(*line)
    assert ran.code == 0, ran.err
    return ran.out


@pytest.mark.slow
@pytest.mark.xdist_group("cli-server")
def test_a_drill_from_the_command_line(holdfast: Holdfast) -> None:
    said(holdfast, "db", "create", "sqlite", "rehearsed")
    assert "No drills yet." in said(holdfast, "drill", "list", "--database", "rehearsed")
    ran = holdfast("drill", "run", "rehearsed")
    assert ran.code == 5
    assert "Take one first" in ran.err
    said(holdfast, "db", "query", "rehearsed", "create table t (id int)", "--write")
    said(holdfast, "db", "query", "rehearsed", "insert into t values (1), (2)", "--write")
    said(holdfast, "snapshot", "create", "rehearsed", "--verify", "L1")
    assert "ask 1 question." in said(holdfast, *ASK, "--equals", "2")
    assert "back in 10:00, data age 1 d." in said(holdfast, "drill", "aim", "rehearsed", "--rto", "10m", "--rpo", "24h")
    out = said(holdfast, "drill", "run", "rehearsed")
    assert "passed: back in" in out
    said(holdfast, *ASK, "--at-least", "3")
    ran = holdfast("drill", "run", "rehearsed")
    assert (ran.code, "the drill failed: two rows" in ran.err) == (1, True), ran.err
    newest, before = holdfast("drill", "list", "--database", "rehearsed", "--json").json
    assert (newest["state"], before["state"]) == ("failed", "passed")
    shown = said(holdfast, "drill", "show", newest["id"])
    for words in ("failed", "two rows", "FAILED", "at least 3", "aim: 10:00"):
        assert words in shown, shown
    for wrong in (("aim", "rehearsed", "--rto", "soon"), ("unask", "rehearsed", "nothing"), (*ASK[1:],)):
        ran = holdfast("drill", *wrong)
        assert ran.code in (1, 2), ran.err
        assert "Traceback" not in ran.err
    said(holdfast, "drill", "unask", "rehearsed", "two rows")
    assert "No questions yet" in said(holdfast, "drill", "aims", "rehearsed")
    said(holdfast, "db", "delete", "rehearsed", "--confirm", "rehearsed")
