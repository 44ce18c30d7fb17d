"""What people give for a channel or a rule, checked before anything is kept. Raises Invalid naming the field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holdfast.features.alerts.smtp import SECURITY, tls_context
from holdfast.features.alerts.text import line
from holdfast.features.alerts.words import EVENT_TYPES
from holdfast.kernel.errors import Invalid
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.outbound_url import target_of

MOST_RECIPIENTS = 50
# RFC 5321's dot-atom, ASCII: whatever else a mailbox may be called, a line end or a comma is never part of it.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_DOMAIN}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(
        f"{field}: {message}", code="channel_invalid", details={"fields": [{"field": field, "message": message}]}
    )


def address(text: str, field: str) -> str:
    if len(text) > 254 or not _ADDRESS.fullmatch(text) or len(text.partition("@")[0]) > 64:
        raise _invalid(field, f"{line(text, 80)!r} is no mail address, such as ops@example.org")
    return text


def email_config(given: Mapping[str, Any], policy: OutboundPolicy) -> dict[str, Any]:
    """Without the password. The name is judged as far as that can be done without asking for its address."""
    config = {name: given.get(name) for name in ("host", "port", "security", "username", "from", "from_name", "ca")}
    host = str(config["host"] or "").strip().lower()
    port = int(config["port"] or {"tls": 465, "none": 25}.get(str(config["security"]), 587))
    if config["security"] not in SECURITY:
        raise _invalid("security", f"is one of {', '.join(SECURITY)}")
    if config["security"] == "none" and not _is_here(host):
        raise _invalid("security", "none is for a mail server on this machine only (127.0.0.1, ::1, localhost)")
    policy.check(target_of(f"http://{f'[{host}]' if ':' in host else host}:{port}/"))
    to = [address(str(each), "to") for each in given.get("to") or ()]
    if not 1 <= len(to) <= MOST_RECIPIENTS:
        raise _invalid("to", f"1 to {MOST_RECIPIENTS} addresses")
    tls_context(config["ca"])
    login = config["username"] or None
    if login is not None and (len(login) > 254 or any(each < " " or each == "\x7f" for each in login)):
        raise _invalid("username", "has a control character, or is too long")
    shown = line(config["from_name"] or "Holdfast", 63)
    sender = address(str(config["from"] or ""), "from")
    return {**config, "host": host, "port": port, "username": login, "from": sender, "from_name": shown, "to": to}


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def webhook_place(url: str, ca: str | None, policy: OutboundPolicy) -> dict[str, Any]:
    """What may be shown of the address: its path may be a secret of its own. Raises Refused."""
    target = target_of(url)
    policy.check(target)
    tls_context(ca)
    host = f"[{target.host}]" if ":" in target.host else target.host
    return {"origin": f"{target.scheme}://{host}:{target.port}", "ca": ca}


def time_of_day(text: str) -> str:
    """HH:MM, or "" for no digest."""
    if text and not _TIME.fullmatch(text):
        raise _invalid("digest_at", "reads HH:MM, such as 08:00, or is empty for no digest")
    return text


def zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _invalid("tz", f"{line(text, 64)!r} is no time zone, such as Europe/Zurich") from None
    return text


def event_types(given: Sequence[str]) -> list[str]:
    if unknown := sorted(set(given) - set(EVENT_TYPES)):
        raise Invalid(
            f"no such event: {', '.join(line(each, 60) for each in unknown[:5])}",
            code="event_unknown",
            hint="holdfast alert rule events, or GET /api/v1/alert-event-types, lists them.",
        )
    return sorted(set(given))
