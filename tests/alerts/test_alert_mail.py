"""Mail over real SMTP: TLS, logins, refusals, servers that hang; and what a hostile name may not do."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from ipaddress import ip_network
from typing import Any

import pytest
from alert_house import OWNER, House
from alert_receivers import MailServer
from certificates import Authority
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.features.alerts import checking, mail, smtp
from holdfast.kernel.errors import HoldfastError, Invalid
from holdfast.kernel.outbound import OutboundPolicy

LOOPBACK = OutboundPolicy(frozenset({ip_network("127.0.0.0/8")}), resolver=lambda _host, _port: ["127.0.0.1"])
PART: dict[str, Any] = {
    "alert_id": "alt_1",
    "event_id": None,
    "type": "backup_failed",
    "title": "Backup failed",
    "phase": "opened",
    "severity": "warning",
    "name": "shop",
    "project": "p",
    "environment": "production",
    "at": "2026-01-02T03:04:05.000000Z",
    "since": "2026-01-02T03:04:05.000000Z",
    "count": 1,
    "error": "no",
    "hint": "look",
    "run_id": "run_1",
    "facts": {"source_bytes": 5},
}
CONFIG = {"from": "hf@example.org", "from_name": "Holdfast", "to": ["ops@example.org"]}


def payload(**changes: Any) -> dict[str, Any]:
    found = {"id": "adl_1", "type": "alert", "severity": "warning", "subject": "s", "more": 0, "summary": []}
    return {**found, "alerts": [PART], **changes}


def outcome(server: MailServer, security: str = "none", *, deadline: float = 1.0, **more: Any) -> Any:
    config = {**CONFIG, "host": "127.0.0.1", "port": server.port, "security": security, "ca": None, **more}
    made = mail.message(payload(), config, "UTC", datetime(2026, 1, 2, tzinfo=UTC))
    return smtp.send(made, config, more.get("password"), LOOPBACK, deadline=deadline)


@pytest.mark.parametrize(("security", "at_once"), [("starttls", False), ("tls", True)])
def test_encrypted_and_signed_in_with_an_authority_of_ones_own(security: str, at_once: bool) -> None:
    ours = Authority("ours")
    with MailServer(
        ours.sign("mail", host="mail.example.org"), at_once, login=("hf", "pässword-of-the-mail")
    ) as server:
        login = {"host": "mail.example.org", "username": "hf", "password": "pässword-of-the-mail"}
        assert outcome(server, security, ca=ours.pem, **login).ok
        (letter,) = server.letters
        assert (letter.tls, letter.login) == (True, ("hf", "pässword-of-the-mail"))
        stranger = outcome(server, security, ca=Authority("strangers").pem, **login)
        assert "not trusted" in stranger.error
        wrong = outcome(server, security, ca=ours.pem, **{**login, "host": "other.example.org"})
        assert "not trusted" in wrong.error
        refused = outcome(server, security, ca=ours.pem, **{**login, "password": "another"})
        assert (refused.code, refused.again) == (535, True)
        assert len(server.letters) == 1


def test_never_in_the_clear_where_tls_was_asked_for(mail: MailServer) -> None:
    """A server, or somebody before it, that offers no STARTTLS gets neither mail nor password."""
    found = outcome(mail, "starttls", host="mail.example.org", username="hf", password="the mail's password")
    assert not found.ok
    assert mail.letters == []


@pytest.mark.parametrize(
    ("answers", "again"),
    [
        ({"220": "421 later"}, True),
        ({"MAIL": "451 later"}, True),
        ({"RCPT": "550 nobody of that name"}, False),
        ({"DATA": "554 no"}, False),
        ({".": "552 too much"}, False),
        ({".": "452 full"}, True),
    ],
)
def test_what_a_server_says(mail: MailServer, answers: dict[str, str], again: bool) -> None:
    mail.answers = answers
    found = outcome(mail)
    assert (found.ok, found.again) == (False, again)
    assert next(iter(answers.values()))[:3] in found.error


def test_one_of_two_refused_is_told_and_not_sent_twice(mail: MailServer) -> None:
    mail.answers = {"RCPT TO:<gone@example.org>": "550 gone"}
    found = outcome(mail, to=["ops@example.org", "gone@example.org"])
    assert (found.ok, found.again) == (False, False)
    assert "gone@example.org" in found.error
    assert mail.letters[0].to == ["ops@example.org"]


@pytest.mark.parametrize("verb", ["220", "EHLO", "DATA", "."])
@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_server_that_hangs_is_left_at_the_deadline(mail: MailServer, verb: str, how: str) -> None:
    mail.answers = {verb: how}
    found = outcome(mail, deadline=0.3)
    assert (found.ok, found.again) == (False, True)


def test_nobody_listens() -> None:
    with MailServer() as server:
        pass
    assert "mail server" in outcome(server).error


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.1", "::1"])
def test_an_address_of_the_inside_is_not_called(address: str) -> None:
    policy = OutboundPolicy(resolver=lambda _host, _port: [address])
    config = {**CONFIG, "host": "mail.example.org", "port": 587, "security": "starttls", "ca": None}
    made = mail.message(payload(), config, "UTC", datetime(2026, 1, 2, tzinfo=UTC))
    found = smtp.send(made, config, None, policy, deadline=1.0)
    assert (found.ok, found.again) == (False, False)
    assert address not in (found.error or "")


def test_plain_mail_does_not_leave_the_machine() -> None:
    policy = OutboundPolicy(frozenset({ip_network("10.0.0.0/8")}), resolver=lambda _host, _port: ["10.0.0.1"])
    config = {**CONFIG, "host": "mail.example.org", "port": 25, "security": "none", "ca": None}
    made = mail.message(payload(), config, "UTC", datetime(2026, 1, 2, tzinfo=UTC))
    assert "this machine only" in (smtp.send(made, config, None, policy).error or "")
    with pytest.raises(Invalid, match="on this machine only"):
        checking.email_config({**config, "to": ["a@example.org"]}, policy)


HOSTILE = st.text(st.characters(), max_size=300) | st.sampled_from(
    [
        "a\r\nBcc: x@example.org",
        "a\nb",
        "\u202eevil",
        "<script>alert(1)</script>",
        "x" * 5000,
        "\ud800",
        "=?utf-8?q?=0ABcc:=20x?=",
        "=??Q?=0A",
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=HOSTILE, error=HOSTILE, shown=HOSTILE)
def test_no_name_adds_a_header_a_recipient_or_a_tag(name: str, error: str, shown: str) -> None:
    part = {**PART, "name": name, "error": error, "facts": {name: error}}
    made = mail.message(
        payload(subject=name, alerts=[part]), {**CONFIG, "from_name": shown}, "UTC", datetime(2026, 1, 2, tzinfo=UTC)
    )
    raw = made.as_bytes()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    read = message_from_bytes(raw, policy=policy.default)
    assert list(read.keys()) == list(made.keys())
    assert read["to"] == "ops@example.org"
    assert [each.addr_spec for each in read["from"].addresses] == ["hf@example.org"]
    html = read.get_body(("html",)).get_content()
    assert "<script" not in html
    assert html.count("<h2") == 1
    assert "\u202e" not in html


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60) | st.from_regex(r"[a-z.@,<>\s]+", fullmatch=True))
def test_an_address_is_one_address(text: str) -> None:
    try:
        found = checking.address(text, "to")
    except HoldfastError:
        return
    assert found == text
    assert not set(text) & set('\r\n\t ,;<>"()')
    assert text.count("@") == 1


def test_a_repeated_attempt_is_the_same_mail() -> None:
    both = [mail.message(payload(), CONFIG, "UTC", datetime(2026, 1, 2, tzinfo=UTC)).as_bytes() for _ in range(2)]
    assert both[0] == both[1]
    assert b"<adl_1@holdfast.invalid>" in both[0]


def test_a_mail_server_at_another_place_needs_the_password_again(here: House) -> None:
    """Else whoever may edit a channel has the password sent to a server of theirs."""
    channel = here.post(2525, secret="the mail server's password", email={"username": "hf"})
    for moved in ({"host": "127.0.0.2"}, {"port": 2526}, {"username": "other"}):
        with pytest.raises(Invalid, match="needs the password again"):
            here.channels.update(OWNER, channel.id, 1, {"email": moved})
    changed = here.channels.update(OWNER, channel.id, 1, {"email": {"to": ["new@example.org"]}})
    assert changed.config["to"] == ["new@example.org"]
    assert "password" not in repr(changed)
