"""Channels that variables name: they tell people, follow the variables at each start, and never show their values."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import sqlalchemy as sa
from alert_house import House
from alert_receivers import Hooks, MailServer, genuine

from holdfast.features.alerts.environment import settle, wanted
from holdfast.features.alerts.model import channels
from holdfast.kernel.audit import audit_events
from holdfast.kernel.errors import NeedsOperator

SECRET = "whsec_" + base64.b64encode(b"32 bytes that only two ever know").decode()
WORDS = "p@ss:/w ü%"


def variables(mail: MailServer | None = None, hooks: Hooks | None = None, **more: str) -> dict[str, str]:
    found = {}
    if mail:
        found["HOLDFAST_ALERT_EMAIL_TO"] = "ops@example.org, night@example.org,"
        found["HOLDFAST_ALERT_EMAIL_FROM"] = "holdfast@example.org"
        found["HOLDFAST_ALERT_SMTP_URL"] = f"smtp://127.0.0.1:{mail.port}"
    if hooks:
        found |= {"HOLDFAST_ALERT_WEBHOOK_URL": hooks.url, "HOLDFAST_ALERT_WEBHOOK_SECRET": SECRET}
    return found | {f"HOLDFAST_ALERT_{name}": value for name, value in more.items()}


def rows(here: House) -> dict[str, Any]:
    with here.db.read() as conn:
        found = conn.execute(sa.select(channels)).all()
    return {row.name: row for row in found}


def recorded(here: House) -> list[str]:
    with here.db.read() as conn:
        query = sa.select(audit_events.c.action).where(audit_events.c.action.like("alert_channel.%"))
        return [row.action for row in conn.execute(query.order_by(audit_events.c.seq))]


def test_variables_make_channels_that_tell_people(here: House, mail: MailServer, hooks: Hooks) -> None:
    """Once, however often the runner starts; the mail to all who are named, the webhook signed by the secret."""
    given = variables(mail, hooks)
    for _ in range(3):
        settle(here.db, here.channels, given)
    made = rows(here)
    assert {name: (row.kind, row.origin, row.enabled, row.version) for name, row in made.items()} == {
        "environment-email": ("email", "environment", True, made["environment-email"].version),
        "environment-webhook": ("webhook", "environment", True, made["environment-webhook"].version),
    }
    assert recorded(here) == ["alert_channel.create"] * 2
    assert SECRET not in str(made)
    here.failed(here.database("a\"b'; --"), here.repository())
    here.turn()
    here.turn(90)
    (letter,) = mail.letters
    assert letter.to == ["ops@example.org", "night@example.org"]
    assert letter.sender == "holdfast@example.org"
    assert "a\"b'; --" in letter.mail["subject"]
    (call,) = hooks.seen
    assert genuine(call, SECRET)


def test_they_follow_the_variables_at_each_start(here: House, mail: MailServer, hooks: Hooks) -> None:
    settle(here.db, here.channels, variables(mail, hooks))
    first = rows(here)
    settle(here.db, here.channels, variables(mail, None, DIGEST_AT="07:30", TZ="Europe/Zurich"))
    then = rows(here)
    assert (then["environment-email"].digest_at, then["environment-email"].tz) == ("07:30", "Europe/Zurich")
    assert then["environment-webhook"].enabled is False, "what is named no longer is switched off, its log stays"
    settle(here.db, here.channels, {})
    assert {row.enabled for row in rows(here).values()} == {False}
    settle(here.db, here.channels, variables(mail, hooks))
    again = rows(here)
    assert {row.enabled for row in again.values()} == {True}
    assert {name: row.id for name, row in again.items()} == {name: row.id for name, row in first.items()}
    here.failed(here.database(), here.repository())
    here.turn()
    here.turn(90)
    assert (len(mail.letters), len(hooks.seen)) == (1, 1)


def test_another_secret_signs_from_then_on(here: House, hooks: Hooks) -> None:
    other = "whsec_" + base64.b64encode(b"another 32 bytes of two who know").decode()
    settle(here.db, here.channels, variables(hooks=hooks))
    settle(here.db, here.channels, variables(hooks=hooks, WEBHOOK_SECRET=other))
    here.failed(here.database(), here.repository())
    here.turn()
    here.turn(90)
    (call,) = hooks.seen
    assert genuine(call, other)
    assert recorded(here)[-1] == "alert_channel.update"


def test_a_mail_server_that_wants_a_name_and_a_password(here: House) -> None:
    """Both out of the URL, where they are percent-encoded."""
    found = wanted({"HOLDFAST_ALERT_EMAIL_TO": "o@x.org", "HOLDFAST_ALERT_SMTP_URL": URL})
    assert found[0].secret == WORDS
    assert found[0].email is not None
    assert (found[0].email["username"], found[0].email["security"]) == ("me@x", "starttls")
    assert (found[0].email["host"], found[0].email["port"], found[0].email["from"]) == ("h", 587, "o@x.org")
    assert WORDS not in repr(found[0])


URL = "smtp+starttls://me%40x:p%40ss%3A%2Fw%20%C3%BC%25@h:587"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"HOLDFAST_ALERT_EMAIL_TO": "o@x.org"}, "HOLDFAST_ALERT_SMTP_URL"),
        ({"HOLDFAST_ALERT_EMAIL_TO": "o@x.org", "HOLDFAST_ALERT_SMTP_URL": "http://me:sesame77@h"}, "SMTP_URL"),
        ({"HOLDFAST_ALERT_EMAIL_TO": "o@x.org", "HOLDFAST_ALERT_SMTP_URL": "smtp://me:sesame77@h:x"}, "SMTP_URL"),
        ({"HOLDFAST_ALERT_EMAIL_TO": " , ", "HOLDFAST_ALERT_SMTP_URL": "smtp://h"}, "HOLDFAST_ALERT_EMAIL_TO"),
        ({"HOLDFAST_ALERT_WEBHOOK_URL": "https://h/sesame77"}, "HOLDFAST_ALERT_WEBHOOK_SECRET"),
    ],
)
def test_what_is_misspelt_is_named_and_changes_nothing(
    here: House, hooks: Hooks, given: dict[str, str], named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The variable, never its value; the channels that stand go on, and so does the runner."""
    settle(here.db, here.channels, variables(hooks=hooks))
    with pytest.raises(NeedsOperator) as caught:
        wanted(given)
    assert named in caught.value.message
    assert "sesame77" not in str(caught.value.as_dict())
    settle(here.db, here.channels, given)
    assert rows(here)["environment-webhook"].enabled
    assert "sesame77" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("more", [{"DIGEST_AT": "25:00"}, {"TZ": "Nowhere/Land"}, {"WEBHOOK_SECRET": "whsec_short"}])
def test_what_cannot_be_is_logged_and_changes_nothing(here: House, hooks: Hooks, more: dict[str, str]) -> None:
    settle(here.db, here.channels, variables(hooks=hooks))
    before = rows(here)
    settle(here.db, here.channels, variables(hooks=hooks, **more))
    assert rows(here) == before
