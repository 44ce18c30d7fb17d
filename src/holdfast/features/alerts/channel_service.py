"""What people ask of channels. Secrets enter here and never leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.alerts import checking, places, sealed, store, webhook
from holdfast.features.alerts.model import Channel, channels, scope_of
from holdfast.features.alerts.smtp import tls_context
from holdfast.features.alerts.words import ChannelKind
from holdfast.features.projects.names import checked_name
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

OVERLAP, LONGEST_OVERLAP = timedelta(days=1), timedelta(days=30)
_PLAIN = ("name", "enabled", "digest_at", "tz", "gather_seconds")
_WHERE = ("host", "port", "security", "ca", "username")


@dataclass(frozen=True)
class WantedChannel:
    """`email` or `webhook`: what the kind needs; `secret`: the SMTP password, or what signs (None = made here)."""

    project_id: str | None
    name: str
    kind: ChannelKind
    email: Mapping[str, Any] | None = None
    url: str | None = field(default=None, repr=False)
    ca: str | None = None
    secret: str | None = field(default=None, repr=False)
    enabled: bool = True
    digest_at: str = "08:00"
    tz: str = "UTC"
    gather_seconds: int = 60


class ChannelService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, clock: Clock, secrets: Secrets, policy: OutboundPolicy) -> None:
        self._db = db
        self._clock = clock
        self._secrets = secrets
        self._policy = policy

    def create(self, actor: Actor, wanted: WantedChannel, once: Once = NEVER) -> tuple[Channel, str | None]:
        """The channel, and what signs its webhooks: told this once. Raises Conflict("name_taken"), Invalid, Refused."""
        with self._db.write() as conn:
            places.require_new(conn, actor, places.CHANNELS, wanted.project_id)
            actor.require_step_up()
            once.check(conn)
            made, shown = self.insert(conn, wanted, actor.id, origin="api")
            recorded(conn, actor, made, "alert_channel.create", {"kind": made.kind})
            once.keep(conn, made)
            return made, shown

    def insert(self, conn: sa.Connection, wanted: WantedChannel, by: str, *, origin: str) -> tuple[Channel, str | None]:
        """In the caller's transaction, whoever may: also what variables name."""
        now = self._clock.now()
        config = self._config(wanted)
        made = Channel(
            id=new_id("chn"),
            scope=scope_of(wanted.project_id),
            project_id=wanted.project_id,
            name=checked_name(wanted.name),
            kind=wanted.kind,
            config=config,
            enabled=wanted.enabled,
            digest_at=checking.time_of_day(wanted.digest_at),
            tz=checking.zone(wanted.tz),
            gather_seconds=wanted.gather_seconds,
            origin=origin,
            digest_from=now,
            next_digest_at=None,
            last_sent_at=None,
            trouble=None,
            version=1,
            created_by=by,
            created_at=now,
            updated_at=now,
        )
        try:
            store.insert(conn, made)
        except sa.exc.IntegrityError:
            raise _taken(made.name) from None
        if made.kind == "email":
            sealed.put(self._secrets, conn, made, sealed.LOGIN, wanted.secret or "")
            return made, None
        sealed.put(self._secrets, conn, made, sealed.URL, wanted.url or "")
        secret = webhook.checked_secret(wanted.secret) if wanted.secret else webhook.new_secret()
        config = sealed.rotated(self._secrets, conn, made, secret, now, now)
        store.change_channel(conn, made.id, config=config)
        return replace(made, config=config), secret

    def align(self, conn: sa.Connection, before: Channel, wanted: WantedChannel) -> bool:
        """Make a channel of variables what they say now; whether anything was different. Its log stays."""
        now, config = self._clock.now(), self._config(wanted)
        kept = sealed.every(self._secrets, conn, before)
        name, value = (sealed.LOGIN, wanted.secret) if wanted.kind == "email" else (sealed.URL, wanted.url)
        changed = kept.get(name, "") != (value or "")
        if changed:
            sealed.put(self._secrets, conn, before, name, value or "")
        if wanted.kind == "webhook":
            secret = webhook.checked_secret(wanted.secret or "")
            config["secrets"] = before.config.get("secrets", [])
            if [*sealed.signing(before, kept, now), ""][0] != secret:
                config = sealed.rotated(self._secrets, conn, replace(before, config=config), secret, now, now + OVERLAP)
        values = {"config": config, "enabled": True, "digest_at": checking.time_of_day(wanted.digest_at)}
        values["tz"] = checking.zone(wanted.tz)
        if not changed and all(getattr(before, field) == value for field, value in values.items()):
            return False
        store.change(conn, Channel, before.id, before.version, {**values, "next_digest_at": None, "updated_at": now})
        return True

    def _config(self, wanted: WantedChannel) -> dict[str, Any]:
        if wanted.kind == "email":
            if wanted.email is None:
                raise Invalid("an e-mail channel needs `email`", code="channel_invalid")
            config = checking.email_config(wanted.email, self._policy)
            if config["username"] and not wanted.secret:
                raise Invalid("a user name needs its password", code="channel_invalid")
            return config
        if not wanted.url:
            raise Invalid("a webhook channel needs `webhook`", code="channel_invalid")
        return checking.webhook_place(wanted.url, wanted.ca, self._policy)

    def list(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[Channel]:
        """In order of creation; the server's own for those who may see everything."""
        actor.require_within(places.READ, project_id)
        visible = actor.visible(places.READ, Columns(channels.c.project_id))
        with self._db.read() as conn:
            return store.page(conn, Channel, visible, after=after, limit=limit, project_id=project_id)

    def get(self, actor: Actor, channel_id: str) -> Channel:
        with self._db.read() as conn:
            return found_channel(conn, actor, channel_id, places.READ)

    def update(self, actor: Actor, channel_id: str, version: int, changes: Mapping[str, Any]) -> Channel:
        """`email` fields replace their own; a mail server at another place needs the password again: whoever may change
        a channel could else have it sent to a server of theirs."""
        with self._db.write() as conn:
            before = found_channel(conn, actor, channel_id, places.CHANNELS)
            actor.require_step_up()
            _require_ours(before)
            values = {name: changes[name] for name in _PLAIN if changes.get(name) is not None}
            config = self._changed(conn, before, changes)
            values |= {"config": config} if config != before.config else {}
            _check_plain(values)
            if {"digest_at", "tz"} & set(values):
                values["next_digest_at"] = None
            try:
                changed = store.change(conn, Channel, channel_id, version, {**values, "updated_at": self._clock.now()})
            except sa.exc.IntegrityError:
                raise _taken(str(values["name"])) from None
            if changed is None:
                raise changed_meanwhile("channel")
            told = {name: [getattr(before, name), values[name]] for name in _PLAIN if name in values}
            recorded(conn, actor, changed, "alert_channel.update", told | {"config": "config" in values})
            return changed

    def _changed(self, conn: sa.Connection, before: Channel, changes: Mapping[str, Any]) -> dict[str, Any]:
        config = dict(before.config)
        if before.kind == "email":
            given = {name: value for name, value in (changes.get("email") or {}).items() if value is not None}
            password = given.pop("password", None)
            config = checking.email_config({**config, **given}, self._policy)
            moved = any(config[name] != before.config.get(name) for name in _WHERE)
            if moved and config["username"] and not password:
                raise Invalid("another mail server or user name needs the password again", code="password_needed")
            if password is not None or not config["username"]:
                sealed.put(self._secrets, conn, before, sealed.LOGIN, password or "")
            return config
        hook = changes.get("webhook") or {}
        if hook.get("url"):
            config |= checking.webhook_place(hook["url"], hook.get("ca", config.get("ca")), self._policy)
            sealed.put(self._secrets, conn, before, sealed.URL, hook["url"])
        elif "ca" in hook:
            tls_context(hook["ca"])
            config["ca"] = hook["ca"]
        return config

    def rotate(self, actor: Actor, channel_id: str, overlap: timedelta, secret: str | None) -> tuple[Channel, str]:
        """A new signing secret, told this once. Messages carry both signatures until `overlap` has passed."""
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise Invalid("an overlap lasts from 0 to 30 days", code="overlap_invalid")
        value = webhook.checked_secret(secret) if secret else webhook.new_secret()
        with self._db.write() as conn:
            before = found_channel(conn, actor, channel_id, places.CHANNELS)
            actor.require_step_up()
            _require_ours(before)
            if before.kind != "webhook":
                raise Conflict("only webhooks are signed", code="channel_kind", hint="Edit the channel's password.")
            now = self._clock.now()
            config = sealed.rotated(self._secrets, conn, before, value, now, now + overlap)
            changed = store.change(conn, Channel, channel_id, before.version, {"config": config, "updated_at": now})
            if changed is None:
                raise Conflict("the channel was changed meanwhile", code="channel_changed", hint="Ask again.")
            recorded(conn, actor, changed, "alert_channel.rotate", {"overlap_seconds": int(overlap.total_seconds())})
            return changed, value

    def delete(self, actor: Actor, channel_id: str, confirm: str) -> None:
        """With its deliveries and secrets. `confirm` is its name."""
        with self._db.write() as conn:
            found = found_channel(conn, actor, channel_id, places.CHANNELS)
            actor.require_step_up()
            _require_ours(found)
            if confirm != found.name:
                raise Invalid("confirm must be the name, exactly", code="confirm_mismatch")
            sealed.forget(self._secrets, conn, found)
            store.delete(conn, Channel, channel_id)
            recorded(conn, actor, found, "alert_channel.delete", {})


def found_channel(conn: sa.Connection, actor: Actor, channel_id: str, permission: str) -> Channel:
    """The channel, if `actor` may do `permission` with it. Raises Denied, NotFound."""
    found = store.get(conn, Channel, channel_id)
    places.require(actor, permission, found, "channel")
    if found is None:
        raise no_such("channel")
    return found


def _check_plain(values: dict[str, Any]) -> None:
    if "name" in values:
        values["name"] = checked_name(values["name"])
    if "digest_at" in values:
        checking.time_of_day(values["digest_at"])
    if "tz" in values:
        checking.zone(values["tz"])


def _require_ours(channel: Channel) -> None:
    if channel.origin != "api":
        raise Conflict(
            "this channel is made from environment variables",
            code="channel_from_environment",
            hint="Change the variables and start the server again.",
        )


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a channel {name!r} already", code="name_taken", hint="Choose another name.")


def recorded(conn: sa.Connection, actor: Actor, channel: Channel, action: str, details: Mapping[str, Any]) -> None:
    told = {"name": channel.name, **details}
    audit.record(
        conn, actor=actor.id, action=action, project_id=channel.project_id, resource_id=channel.id, details=told
    )
