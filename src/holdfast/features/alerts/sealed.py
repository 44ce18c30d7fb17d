"""The secrets of channels: SMTP passwords, webhook addresses and signing secrets, sealed and never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.alerts.model import Channel
from holdfast.kernel.clock import parse_timestamp, timestamp
from holdfast.kernel.secrets import SYSTEM, Secrets

LOGIN, URL = "password", "url"
KEPT_SECRETS = 5


def _home(channel: Channel) -> str:
    """A project's channel has its secrets with the project's, as its repositories have."""
    return channel.project_id or SYSTEM


def put(secrets: Secrets, conn: sa.Connection, channel: Channel, name: str, value: str) -> None:
    """Only the newest is kept. "" takes it away."""
    secrets.delete(conn, _home(channel), channel.id, name)
    if value:
        secrets.put(conn, _home(channel), channel.id, name, value)


def every(secrets: Secrets, conn: sa.Connection, channel: Channel) -> dict[str, str]:
    return secrets.all(conn, _home(channel), channel.id)


def forget(secrets: Secrets, conn: sa.Connection, channel: Channel) -> None:
    secrets.delete_resource(conn, _home(channel), channel.id)


def rotated(
    secrets: Secrets, conn: sa.Connection, channel: Channel, value: str, now: datetime, until: datetime
) -> dict[str, Any]:
    """The channel's `config` with `value` as what signs; those before it count until then, at most five of them. A
    rotation asked for twice because its answer was lost takes nothing away from the receiver's secret."""
    before: list[Mapping[str, Any]] = list(channel.config.get("secrets", ()))
    living = [each for each in before if each["until"] is None or now < parse_timestamp(each["until"])]
    number = 1 + max((int(each["number"]) for each in before), default=0)
    kept = [
        {"number": each["number"], "until": min(each["until"] or timestamp(until), timestamp(until))}
        for each in living
        if now < until
    ][: KEPT_SECRETS - 1]
    for each in before:
        if each["number"] not in {one["number"] for one in kept}:
            secrets.delete(conn, _home(channel), channel.id, _name(each))
    secrets.put(conn, _home(channel), channel.id, f"secret:{number}", value)
    return {**channel.config, "secrets": [{"number": number, "until": None}, *kept]}


def signing(channel: Channel, kept: Mapping[str, str], now: datetime) -> Sequence[str]:
    """Every secret that counts now, the newest first."""
    wanted = channel.config.get("secrets", ())
    living = [_name(each) for each in wanted if each["until"] is None or now < parse_timestamp(each["until"])]
    return [kept[name] for name in living if name in kept]


def _name(each: Mapping[str, Any]) -> str:
    return f"secret:{each['number']}"
