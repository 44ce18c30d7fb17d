"""Signed webhooks to a real receiver: signatures, rotation, retries, dead letters, isolation."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from alert_house import OWNER, House
from alert_receivers import Hooks, MailServer, genuine
from certificates import Authority

from holdfast.features.alerts.channel_service import WantedChannel
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid
from holdfast.kernel.outbound import OutboundPolicy

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "alerts.md"


def test_signed_and_both_secrets_count_while_they_overlap(here: House, hooks: Hooks) -> None:
    channel, first = here.hook(hooks.url)
    here.sent.test(OWNER, channel.id)
    changed, second = here.channels.rotate(OWNER, channel.id, timedelta(hours=1), None)
    here.sent.test(OWNER, channel.id)
    here.clock.advance(3601)
    here.sent.test(OWNER, channel.id)
    told = [(genuine(hook, first), genuine(hook, second)) for hook in hooks.seen]
    assert told == [(True, False), (True, True), (False, True)]
    assert hooks.seen[0].path.endswith("token=unseen-by-listings")
    assert "unseen" not in repr(changed)
    assert first not in repr(changed)


def test_a_rotation_whose_answer_was_lost_takes_nothing_away(here: House, hooks: Hooks) -> None:
    channel, first = here.hook(hooks.url)
    for _ in range(3):
        _, last = here.channels.rotate(OWNER, channel.id, timedelta(hours=1), None)
    here.sent.test(OWNER, channel.id)
    assert genuine(hooks.seen[0], first)
    assert genuine(hooks.seen[0], last)
    here.channels.rotate(OWNER, channel.id, timedelta(0), None)
    here.sent.test(OWNER, channel.id)
    assert not genuine(hooks.seen[1], first)
    assert not genuine(hooks.seen[1], last)


def test_what_the_docs_show_accepts_it(here: House, hooks: Hooks, tmp_path: Path) -> None:
    """Both programs of the how-to page, run as they stand there."""
    channel, secret = here.hook(hooks.url)
    here.clock.set_wall(_now())
    here.sent.test(OWNER, channel.id)
    seen = hooks.seen[0]
    python, javascript = re.findall(r"```(?:python|javascript)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    space: dict = {}
    exec(python, space)  # noqa: S102 - our own page
    assert space["genuine"](secret, seen.headers, seen.body)
    assert not space["genuine"](secret, seen.headers, seen.body + b" ")
    node = shutil.which("node")
    if node is None:
        pytest.fail("node is needed: the page shows a program for it")
    call = f"""{javascript}
const [headers, body] = [{json.dumps(seen.headers)}, Buffer.from({json.dumps(seen.body.hex())}, "hex")];
console.log(genuine({json.dumps(secret)}, headers, body), genuine({json.dumps(secret)}, headers, Buffer.from("x")));"""
    (tmp_path / "check.js").write_text(call)
    ran = subprocess.run([node, str(tmp_path / "check.js")], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["true", "false"]


def _now():
    from datetime import UTC, datetime

    return datetime.now(UTC)


def test_tried_again_under_the_same_id_and_bytes(here: House, hooks: Hooks) -> None:
    channel, _ = here.hook(hooks.url)
    hooks.answers = [(500, {}), (503, {"Retry-After": "1000"}), (404, {})]
    shop, repository = here.database(), here.repository()
    here.failed(shop, repository)
    here.turn()
    here.turn(6)
    here.failed(here.database("other"), repository)  # another message; this one stays as it was
    here.turn(13)
    assert len(hooks.seen) == 2
    here.turn(900)  # the receiver asked for longer
    assert [each.headers["webhook-id"] for each in hooks.seen].count(hooks.seen[0].headers["webhook-id"]) == 2
    here.turn(200)
    here.turn(200)
    first = [each for each in hooks.seen if each.headers["webhook-id"] == hooks.seen[0].headers["webhook-id"]]
    assert len(first) == 3
    assert len({each.body for each in first}) == 1
    assert {each.headers["idempotency-key"] for each in first} == {first[0].headers["webhook-id"]}
    delivery = here.sent.delivery(OWNER, first[0].headers["webhook-id"])
    assert [entry["code"] for entry in delivery.log] == [500, 503, 200]
    codes = [entry["code"] for each in here.log() if each.id != delivery.id for entry in each.log]
    assert codes == [404, 200]
    assert here.channel(channel.id).trouble is None


def test_given_up_is_a_dead_letter_others_are_told_and_it_can_be_replayed(
    here: House, hooks: Hooks, mail: MailServer
) -> None:
    channel, _ = here.hook(hooks.url)
    here.post(mail.port, gather_seconds=0)
    hooks.answers = [(500, {})] * 12
    here.failed(here.database(), here.repository())
    for _ in range(16):
        here.turn(10 * 3600)
    assert len(hooks.seen) >= 12
    (dead,) = [each for each in here.log() if each.state == "dead"]
    assert dead.attempts == 12
    assert here.channel(channel.id).trouble is not None
    assert any("Alerts do not arrive: hook" in letter.mail["subject"] for letter in mail.letters)
    with pytest.raises(Conflict, match="only dead letters"):
        here.sent.replay(OWNER, next(each.id for each in here.log() if each.state == "sent"))
    assert here.sent.replay(OWNER, dead.id).state == "queued"
    here.turn(1)
    assert here.sent.delivery(OWNER, dead.id).state == "sent"
    assert here.channel(channel.id).trouble is None
    here.turn(90)
    here.turn(90)
    assert "over: Alerts do not arrive: hook" in "".join(letter.mail["subject"] for letter in mail.letters)


@pytest.mark.parametrize("status", [400, 410, 422, 301])
def test_refused_for_good_is_dead_at_once(here: House, hooks: Hooks, status: int) -> None:
    here.hook(hooks.url)
    hooks.answers = [(status, {"Location": "http://127.0.0.1:1/"} if status == 301 else {})]
    here.failed(here.database(), here.repository())
    here.turn()
    here.turn(6)
    assert [(each.state, each.attempts) for each in here.log()] == [("dead", 1)]
    assert len(hooks.seen) == 1


def test_a_channel_that_hangs_holds_up_nobody(here: House, hooks: Hooks) -> None:
    """While one waits for its deadline the others are sent, and what happens is still taken in."""
    with Hooks() as stuck:
        stuck.answers = ["hang"] * 9
        here.hook(stuck.url, "a stuck one")
        here.hook(hooks.url, "b")
        here.failed(here.database(), here.repository())
        here.loop.turn()
        here.clock.advance(6)
        here.loop.turn()
        here.courier.settled()
        states = {each.channel_id: each.state for each in here.log()}
        assert sorted(states.values()) == ["queued", "sent"]
        assert len(hooks.seen) == 1


def test_a_receiver_with_an_authority_of_ones_own(here: House) -> None:
    ours = Authority("ours")
    with Hooks(ours.sign("hooks", host="127.0.0.1")) as receiver:
        trusted, _ = here.hook(receiver.url, ca=ours.pem)
        stranger, _ = here.hook(receiver.url, "stranger")
        assert here.sent.test(OWNER, trusted.id).state == "sent"
        assert here.sent.test(OWNER, stranger.id).state == "dead"


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/x", "ftp://example.org", "https://u:p@example.org/", "http://10.1.1.1/"]
)
def test_an_address_of_the_inside_is_refused_when_it_is_given(here: House, url: str) -> None:
    with pytest.raises(HoldfastError):
        here.channels.create(OWNER, WantedChannel(None, "in", "webhook", url=url))


def test_a_name_that_leads_inside_later_is_not_called(here: House) -> None:
    channel, _ = here.hook("https://rebound.example.org/in")
    sender = here.sent._sender
    inside = OutboundPolicy(resolver=lambda _host, _port: ["10.0.0.1"])
    object.__setattr__(sender, "policy", inside)
    sent = here.sent.test(OWNER, channel.id)
    assert sent.state == "dead"
    assert "10.0.0.1" not in repr(sent)


@pytest.mark.parametrize("secret", ["short", "whsec_", "whsec_???", "whsec_" + base64.b64encode(b"x" * 8).decode()])
def test_a_secret_that_is_none(here: House, secret: str) -> None:
    with pytest.raises(Invalid, match="whsec_"):
        here.channels.create(OWNER, WantedChannel(None, "h", "webhook", url="https://example.org/", secret=secret))
