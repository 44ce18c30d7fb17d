"""`holdfast alert` on a real server: channels whose secrets are shown once, rules, what stands and what was sent."""

from __future__ import annotations

import pytest
from cli_kit import Holdfast

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli-server")]


def test_channels(holdfast: Holdfast) -> None:
    assert holdfast("project", "create", "alerted").code == 0
    here = ("--project", "alerted")
    assert "No channels yet" in holdfast("alert", "channel", "list", *here).out
    url = "https://hooks.example.org/in?token=told-to-nobody"
    made = holdfast("alert", "channel", "add", "webhook", "hooks", "--url", url, *here)
    assert made.code == 0, made.err
    secret = made.out.split()[-1]
    assert secret.startswith("whsec_")
    shown = holdfast("alert", "channel", "show", "hooks", *here, "--json")
    assert shown.json["webhook"]["origin"] == "https://hooks.example.org:443"
    assert "told-to-nobody" not in shown.out
    assert secret not in shown.out
    rotated = holdfast("alert", "channel", "rotate", "hooks", "--overlap", "2h", *here)
    assert rotated.out.split()[-1] not in ("", secret)
    assert "Changed channel" in holdfast("alert", "channel", "edit", "hooks", "--digest", "off", "--disable", *here).out
    listed = holdfast("alert", "channel", "list", *here).out
    assert "https://hooks.example.org:443" in listed
    mail = ("--from", "hf@example.org", "--to", "ops@example.org", *here)
    add = ("alert", "channel", "add", "email", "m", "--smtp")
    plain = holdfast(*add, "smtp.example.org:25", "--security", "none", *mail)
    assert (plain.code, "on this machine only" in plain.err) == (1, True)
    inside = holdfast("alert", "channel", "add", "webhook", "in", "--url", "http://169.254.169.254/", *here)
    assert (inside.code, "not called from here" in inside.err) == (1, True)
    assert holdfast(*add, "smtp.example.org", *mail).code == 0
    assert holdfast("alert", "channel", "delete", "hooks", *here).code == 2
    assert holdfast("alert", "channel", "delete", "hooks", "--confirm", "hooks", *here).code == 0
    assert holdfast("alert", "channel", "show", "hooks", *here).code == 3


def test_rules_alerts_and_deliveries(holdfast: Holdfast) -> None:
    assert holdfast("project", "create", "ruled").code == 0
    here = ("--project", "ruled")
    assert "backup_failed" in holdfast("alert", "rule", "events").out
    assert "told as shipped" in holdfast("alert", "rule", "list", *here).out
    assert holdfast("alert", "rule", "add", "q", "--mode", "digest", "--event", "nonsense", *here).code == 1
    added = holdfast("alert", "rule", "add", "q", "--mode", "off", "--event", "backup_failed", "--label", "a=b", *here)
    assert added.code == 0, added.err
    assert "Changed rule" in holdfast("alert", "rule", "edit", "q", "--mode", "digest", *here).out
    assert holdfast("alert", "rule", "show", "q", *here, "--json").json["mode"] == "digest"
    assert holdfast("alert", "rule", "delete", "q", "--confirm", "q", *here).code == 0
    assert holdfast("db", "create", "sqlite", "shop", *here).code == 0
    muted = holdfast("alert", "mute", "--database", "shop", "--for", "2h", *here, "--json")
    assert (muted.json["mode"], muted.json["resource_id"][:3]) == ("off", "db_")
    assert holdfast("alert", "mute", "--for", "2h").code == 2
    assert holdfast("alert", "mute", "--database", "shop", "--for", "soon", *here).code == 2
    assert "All is quiet" in holdfast("alert", "list", *here).out
    assert "No dead letters" in holdfast("alert", "deliveries", "--dead", *here).out
    assert holdfast("alert", "show", "alt_" + "0" * 26).code == 3
    assert holdfast("alert", "replay").code == 2
    assert holdfast("alert", "replay", "--all", *here, "--json").json == []
