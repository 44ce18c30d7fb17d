"""Channels on the wire: what enters is secret, what leaves is not."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr

from holdfast.features.alerts.channel_service import LONGEST_OVERLAP, OVERLAP, WantedChannel
from holdfast.features.alerts.model import Channel
from holdfast.features.alerts.wire import Id, Name
from holdfast.web.wire import In

Security = Literal["starttls", "tls", "none"]
_GATHER = "Seconds: what happens within them is one message; a single event waits five."


class EmailIn(In):
    """A mail server and who writes to whom."""

    host: str = Field(min_length=1, max_length=253, examples=["smtp.example.org"])
    port: int | None = Field(default=None, ge=1, le=65535, description="587, with tls 465, with none 25.")
    security: Security = Field(default="starttls", description="none: only to this machine.")
    username: str | None = Field(default=None, max_length=254)
    password: SecretStr | None = Field(default=None, max_length=1000)
    sender: str = Field(max_length=254, examples=["holdfast@example.org"])
    sender_name: str | None = Field(default=None, max_length=63)
    to: list[str] = Field(min_length=1, max_length=50, examples=[["ops@example.org"]])
    ca: str | None = Field(default=None, max_length=100_000, description="PEM of an authority of your own.")


class EmailPatch(In):
    """What is left out stays. Another server or user name needs the password again."""

    host: str | None = Field(default=None, min_length=1, max_length=253)
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Security | None = None
    username: str | None = Field(default=None, max_length=254)
    password: SecretStr | None = Field(default=None, max_length=1000)
    sender: str | None = Field(default=None, max_length=254)
    sender_name: str | None = Field(default=None, max_length=63)
    to: list[str] | None = Field(default=None, min_length=1, max_length=50)
    ca: str | None = Field(default=None, max_length=100_000)


class WebhookIn(In):
    """An address that takes signed POSTs."""

    url: SecretStr = Field(min_length=1, max_length=2000, examples=["https://example.org/hooks/holdfast"])
    secret: SecretStr | None = Field(default=None, max_length=200, description="whsec_…; left out, one is made.")
    ca: str | None = Field(default=None, max_length=100_000, description="PEM of an authority of your own.")


class WebhookPatch(In):
    url: SecretStr | None = Field(default=None, max_length=2000)
    ca: str | None = Field(default=None, max_length=100_000)


class ChannelIn(In):
    """`email` or `webhook`, as `kind` says."""

    project_id: Id | None = Field(default=None, description="null = the operator's, for the whole server.")
    name: Name
    kind: Literal["email", "webhook"]
    email: EmailIn | None = None
    webhook: WebhookIn | None = None
    enabled: bool = True
    digest_at: str = Field(default="08:00", max_length=5, description='HH:MM there; "" = no digest.')
    tz: str = Field(default="UTC", max_length=64, examples=["Europe/Zurich"])
    gather_seconds: int = Field(default=60, ge=0, le=3600, description=_GATHER)

    def wanted(self) -> WantedChannel:
        mail, hook = self.email, self.webhook
        given = mail.password if mail else hook.secret if hook else None
        return WantedChannel(
            **{name: getattr(self, name) for name in ("project_id", "name", "kind", "enabled", "digest_at", "tz")},
            gather_seconds=self.gather_seconds,
            email=email_fields(mail) if mail else None,
            url=hook.url.get_secret_value() if hook else None,
            ca=hook.ca if hook else None,
            secret=given.get_secret_value() if given else None,
        )


class ChannelPatch(In):
    name: Name | None = None
    enabled: bool | None = None
    digest_at: str | None = Field(default=None, max_length=5)
    tz: str | None = Field(default=None, max_length=64)
    gather_seconds: int | None = Field(default=None, ge=0, le=3600)
    email: EmailPatch | None = None
    webhook: WebhookPatch | None = None

    def changes(self) -> dict[str, Any]:
        given = self.model_dump(exclude_unset=True, exclude={"email", "webhook"})
        if self.email is not None:
            fields = email_fields(self.email, unset=False)
            if self.email.password is not None:
                fields["password"] = self.email.password.get_secret_value()
            given["email"] = fields
        if self.webhook is not None:
            hook = self.webhook.model_dump(exclude_unset=True)
            if self.webhook.url is not None:
                hook["url"] = self.webhook.url.get_secret_value()
            given["webhook"] = hook
        return given


def email_fields(mail: EmailIn | EmailPatch, *, unset: bool = True) -> dict[str, Any]:
    """Without the password, in the words the slice uses."""
    given = mail.model_dump(exclude={"password"}, exclude_unset=not unset)
    renamed = {"sender": "from", "sender_name": "from_name"}
    return {renamed.get(name, name): value for name, value in given.items()}


class RotateSecretIn(In):
    """How long the secret before this one signs too."""

    overlap_seconds: int = Field(default=int(OVERLAP.total_seconds()), ge=0, le=int(LONGEST_OVERLAP.total_seconds()))
    secret: SecretStr | None = Field(default=None, max_length=200, description="whsec_…; left out, one is made.")


class EmailOut(BaseModel):
    """A mail server, without the password."""

    host: str
    port: int
    security: str
    username: str | None
    sender: str
    sender_name: str
    to: list[str]
    own_ca: bool


class WebhookOut(BaseModel):
    """Scheme, host and port only: the rest of the address may be a secret."""

    origin: str
    own_ca: bool
    secrets: list[dict[str, Any]] = Field(description="What signs now: a number each, and until when.")


class ChannelOut(BaseModel):
    """A channel. No secret is ever in it."""

    id: str
    project_id: str | None
    name: str
    kind: str
    email: EmailOut | None
    webhook: WebhookOut | None
    enabled: bool
    digest_at: str
    tz: str
    gather_seconds: int
    origin: str = Field(description="api, or environment: made from variables of the server.")
    next_digest_at: datetime | None
    last_sent_at: datetime | None
    trouble: dict[str, Any] | None = Field(description="Since when and why it does not work; null = it does.")
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, channel: Channel) -> ChannelOut:
        return cls(**_wire(channel))


class NewChannelOut(ChannelOut):
    secret: str | None = Field(description="What signs the webhooks, shown this once; null for mail, and on a repeat.")


def _wire(channel: Channel) -> dict[str, Any]:
    config = channel.config
    mail, hook = None, None
    if channel.kind == "email":
        names = {"sender": "from", "sender_name": "from_name"}
        fields = {name: config[names.get(name, name)] for name in EmailOut.model_fields if name != "own_ca"}
        mail = EmailOut(**fields, own_ca=bool(config.get("ca")))
    else:
        hook = WebhookOut(
            origin=config["origin"], own_ca=bool(config.get("ca")), secrets=list(config.get("secrets", ()))
        )
    shared = [name for name in ChannelOut.model_fields if name not in ("email", "webhook")]
    return {**{name: getattr(channel, name) for name in shared}, "email": mail, "webhook": hook}


def with_secret(channel: Channel, secret: str | None) -> NewChannelOut:
    return NewChannelOut(**_wire(channel), secret=secret)


def kept(channel: Channel) -> dict[str, Any]:
    """What a repeated request is answered with: it is stored, so the secret is not in it."""
    return with_secret(channel, None).model_dump(mode="json")
