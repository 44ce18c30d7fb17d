"""What may happen, how bad that is, and how it is told unless somebody says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

Severity = Literal["info", "warning", "critical"]
Mode = Literal["immediate", "digest", "off"]
ChannelKind = Literal["email", "webhook"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
MODES: tuple[Mode, ...] = get_args(Mode)
DAY = 24 * 3600


@dataclass(frozen=True)
class EventType:
    """`condition`: it lasts until something ends it, and then its end is told. What is no condition and no success is
    a fact: its alert closes by itself after a day. `threshold` is what a rule may set, in `unit`."""

    title: str
    severity: Severity
    mode: Mode
    condition: bool = False
    threshold: int | None = None
    unit: str = ""
    opens: bool = True  # False: it is only told, no alert stands for it


_SHIPPED: dict[str, EventType] = {
    "backup_done": EventType("Backup done", "info", "digest", opens=False),
    "backup_failed": EventType("Backup failed", "warning", "immediate", condition=True),
    "backup_cancelled": EventType("Backup cancelled", "info", "digest", opens=False),
    "verification_done": EventType("Verification done", "info", "digest", opens=False),
    "verification_failed": EventType("Verification failed", "critical", "immediate", condition=True),
    "verification_overdue": EventType("Verification overdue", "warning", "immediate", True, 30, "days"),
    "restore_done": EventType("Restore done", "info", "digest", opens=False),
    "restore_failed": EventType("Restore failed", "warning", "immediate"),
    "schedule_missed": EventType("Schedule did not run", "critical", "immediate", condition=True),
    "repository_check_failed": EventType("Repository check failed", "critical", "immediate", condition=True),
    "repository_check_done": EventType("Repository checked", "info", "digest", opens=False),
    "repository_unreachable": EventType("Repository unreachable", "warning", "immediate", condition=True),
    "repository_filling": EventType("Disk filling up", "warning", "immediate", True, 90, "percent"),
    "quota_near": EventType("Storage quota nearly used", "warning", "immediate", True, 80, "percent"),
    "run_failed": EventType("Work failed", "warning", "digest"),
    "limit_reached": EventType("Limit reached", "info", "digest"),
    "channel_failing": EventType("Alerts do not arrive", "warning", "immediate", condition=True),
    "security_sign_in_failed": EventType("Sign-in failed", "info", "digest"),
    "security_step_up_failed": EventType("Password check failed", "warning", "immediate"),
    "security_role_changed": EventType("Rights changed", "info", "immediate"),
    "security_secret_revealed": EventType("Secret revealed", "info", "digest"),
    "security_credential_misused": EventType("Credential misused", "critical", "immediate"),
    "security_keys_rotated": EventType("Keys rotated", "info", "digest"),
}
EVENT_TYPES: Mapping[str, EventType] = MappingProxyType(_SHIPPED)
# Found by looking, not told by anything that happened: they end when they are no longer found.
JUDGED = frozenset(
    {"verification_overdue", "schedule_missed", "repository_unreachable", "repository_filling", "quota_near"}
)
