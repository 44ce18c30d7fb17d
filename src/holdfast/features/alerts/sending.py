"""One attempt at one delivery, on whatever kind of channel."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.features.alerts import mail, sealed, smtp, webhook
from holdfast.features.alerts.deliveries.model import Delivery
from holdfast.features.alerts.model import Channel
from holdfast.features.alerts.outcome import Outcome
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets


@dataclass(frozen=True)
class Sender:
    """No transaction is open while something is sent. `deadline`: seconds for an attempt."""

    db: Database
    secrets: Secrets
    policy: OutboundPolicy
    clock: Clock
    deadline: float = 45.0

    def send(self, channel: Channel, delivery: Delivery) -> Outcome:
        """Never raises for what receiver or network do, nor for a secret that cannot be opened."""
        payload = delivery.payload or {}
        try:
            with self.db.read() as conn:
                kept = sealed.every(self.secrets, conn, channel)
            if channel.kind == "email":
                made = mail.message(payload, channel.config, channel.tz, delivery.created_at)
                return smtp.send(made, channel.config, kept.get(sealed.LOGIN), self.policy, deadline=self.deadline)
            now = self.clock.now()
            if sealed.URL not in kept:
                return Outcome.failed("the channel has no address", again=False)
            return webhook.send(
                payload,
                kept[sealed.URL],
                sealed.signing(channel, kept, now),
                self.policy,
                now,
                ca=channel.config.get("ca"),
                deadline=self.deadline,
            )
        except HoldfastError as error:
            return Outcome.failed(error.message, hint=error.hint)
