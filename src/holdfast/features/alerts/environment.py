"""Channels from environment variables: the operator's, for the whole server, as the variables say at each start.

HOLDFAST_ALERT_EMAIL_TO, HOLDFAST_ALERT_EMAIL_FROM, HOLDFAST_ALERT_SMTP_URL; HOLDFAST_ALERT_WEBHOOK_URL and
HOLDFAST_ALERT_WEBHOOK_SECRET; HOLDFAST_ALERT_DIGEST_AT and HOLDFAST_ALERT_TZ. See docs/how-to/alerts.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from holdfast.features.alerts import store
from holdfast.features.alerts.channel_service import ChannelService, WantedChannel
from holdfast.features.alerts.model import Channel
from holdfast.kernel import audit, log
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, NeedsOperator

ORIGIN = "environment"
_SECURITY = {"smtp+starttls": "starttls", "smtps": "tls", "smtp": "none"}
_log = log.get("holdfast.alerts")


def wanted(environ: Mapping[str, str]) -> list[WantedChannel]:
    """Raises NeedsOperator naming the variable; never its value, which may hold a password."""
    shared: dict[str, Any] = {
        "digest_at": environ.get("HOLDFAST_ALERT_DIGEST_AT", "08:00"),
        "tz": environ.get("HOLDFAST_ALERT_TZ") or "UTC",
    }
    found = []
    if named := environ.get("HOLDFAST_ALERT_EMAIL_TO"):
        to = [each.strip() for each in named.split(",") if each.strip()]
        if not to:
            raise _missing("HOLDFAST_ALERT_EMAIL_TO", "ops@example.org, night@example.org")
        found.append(_email(environ, to, shared))
    if url := environ.get("HOLDFAST_ALERT_WEBHOOK_URL"):
        secret = environ.get("HOLDFAST_ALERT_WEBHOOK_SECRET")
        if not secret:
            raise _missing("HOLDFAST_ALERT_WEBHOOK_SECRET", "whsec_ and 24 to 64 bytes in base64")
        found.append(WantedChannel(None, "environment-webhook", "webhook", url=url, secret=secret, **shared))
    return found


def _email(environ: Mapping[str, str], to: list[str], shared: Mapping[str, Any]) -> WantedChannel:
    text = environ.get("HOLDFAST_ALERT_SMTP_URL")
    if not text:
        raise _missing("HOLDFAST_ALERT_SMTP_URL", "smtp+starttls://user:password@host:587")
    try:
        url = urlsplit(text)
        security, port = _SECURITY[url.scheme], url.port
    except (KeyError, ValueError):
        raise _missing("HOLDFAST_ALERT_SMTP_URL", "smtp+starttls://, smtps:// or smtp://host:port") from None
    sender = environ.get("HOLDFAST_ALERT_EMAIL_FROM") or to[0]
    fields = {"host": url.hostname or "", "port": port, "security": security, "from": sender, "to": to}
    fields["username"] = unquote(url.username) if url.username else None
    password = unquote(url.password) if url.password else None
    return WantedChannel(None, "environment-email", "email", email=fields, secret=password, **shared)


def settle(db: Database, service: ChannelService, environ: Mapping[str, str]) -> None:
    """At the runner's start. A channel that is as it was keeps its log; one that is no longer named is switched off.

    What cannot be understood is said in the log and changes nothing: a misspelt variable must not stop backups.
    """
    try:
        named = wanted(environ)
        with db.write() as conn:
            store.hold(conn)
            there = {each.name: each for each in store.all_channels(conn) if each.origin == ORIGIN}
            for each in named:
                _put(conn, service, there.pop(each.name, None), each)
            for gone in there.values():
                if gone.enabled:
                    store.change(conn, Channel, gone.id, gone.version, {"enabled": False})
                    audit.record(conn, actor="system", action="alert_channel.disable", resource_id=gone.id)
    except HoldfastError as error:
        _log.error("channels of the environment could not be made", reason=error.message, hint=error.hint)


def _put(conn: sa.Connection, service: ChannelService, before: Channel | None, each: WantedChannel) -> None:
    if before is None:
        made, _ = service.insert(conn, each, "system", origin=ORIGIN)
        action = "alert_channel.create"
    elif service.align(conn, before, each):
        made, action = before, "alert_channel.update"
    else:
        return
    audit.record(conn, actor="system", action=action, resource_id=made.id, details={"name": made.name})


def _missing(name: str, example: str) -> NeedsOperator:
    return NeedsOperator(f"{name} is missing or cannot be understood", hint=f"It reads {example}.")
