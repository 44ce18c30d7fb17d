"""Alerts of an api process and of a runner, wired. The routes are apart (`routers`): a runner needs none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.features.alerts.alert_service import AlertService
from holdfast.features.alerts.channel_service import ChannelService
from holdfast.features.alerts.courier import Courier
from holdfast.features.alerts.delivery_service import DeliveryService
from holdfast.features.alerts.judging import Judge, Overdue, none_overdue
from holdfast.features.alerts.loop import CHANGED, AlertLoop
from holdfast.features.alerts.rule_service import RuleService
from holdfast.features.alerts.sending import Sender
from holdfast.features.limits.book import LimitBook
from holdfast.features.limits.quota import Count
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets
from holdfast.kernel.settings import Settings
from holdfast.kernel.wake import Wake


@dataclass(frozen=True)
class Alerting:
    """What people ask of alerts. `parts` for `create_app`."""

    channels: ChannelService
    deliveries: DeliveryService
    rules: RuleService
    alerts: AlertService

    @property
    def parts(self) -> Mapping[type[Any], Any]:
        return {type(each): each for each in (self.channels, self.deliveries, self.rules, self.alerts)}


def services(db: Database, clock: Clock, secrets: Secrets, settings: Settings) -> Alerting:
    policy = OutboundPolicy.of(settings)
    channels = ChannelService(db, clock, secrets, policy)
    log = DeliveryService(db, clock, Sender(db, secrets, policy, clock))
    return Alerting(channels, log, RuleService(db, clock), AlertService(db, clock))


def loop(
    db: Database,
    clock: Clock,
    secrets: Secrets,
    settings: Settings,
    wake: Wake,
    node: str,
    kept: Count,
    overdue: Overdue = none_overdue,
) -> AlertLoop:
    """For the runner: not started."""
    sender = Sender(db, secrets, OutboundPolicy.of(settings), clock)
    judge = Judge(settings.data, node, settings.disk_reserve_bytes, LimitBook(db, clock), kept, overdue)
    courier = Courier(db, sender, clock, lambda: wake.notify(CHANGED))
    return AlertLoop(db, courier, judge, clock, wake)
