"""Routes of alerts."""

from __future__ import annotations

from walk_ask import Ask, one, whole

HOOK = {"url": "https://hooks.example.org/walk"}
MAIL = {"host": "smtp.example.org", "sender": "walk@example.org", "to": ["walk@example.org"]}
_CHANNELS, _RULES = "alert.channel.manage", "alert.rule.manage"
ALERTS: dict[str, Ask] = {
    "GET /api/v1/alerts": one("alert.read", query={"project_id": "$project"}),
    "GET /api/v1/alerts/{alert_id}": one("alert.read"),
    "POST /api/v1/alerts/{alert_id}/acknowledge": one("alert.acknowledge"),
    "POST /api/v1/alerts/{alert_id}/mute": one("alert.acknowledge", body={"seconds": 60}),
    "POST /api/v1/alerts/{alert_id}/resolve": one("alert.acknowledge"),
    "GET /api/v1/alert-event-types": Ask(),
    "GET /api/v1/alert-channels": one("alert.read", query={"project_id": "$project"}),
    "POST /api/v1/alert-channels": one(
        _CHANNELS, body={"project_id": "$project", "name": "walk", "kind": "webhook", "webhook": HOOK}
    ),
    "POST /api/v1/alert-channels #mail": one(
        _CHANNELS, body={"project_id": "$project", "name": "walk", "kind": "email", "email": MAIL}
    ),
    "POST /api/v1/alert-channels #server": whole(_CHANNELS, body={"name": "walk", "kind": "webhook", "webhook": HOOK}),
    "GET /api/v1/alert-channels/{channel_id}": one("alert.read"),
    "PATCH /api/v1/alert-channels/{channel_id}": one(_CHANNELS, body={"enabled": False}),
    "PATCH /api/v1/alert-channels/{channel_id} #webhook": one(_CHANNELS, body={"webhook": HOOK}),
    "PATCH /api/v1/alert-channels/{channel_id} #mail": one(_CHANNELS, body={"email": {"password": "walking by"}}),
    "DELETE /api/v1/alert-channels/{channel_id}": one(_CHANNELS, body={"confirm": "channel0"}),
    "POST /api/v1/alert-channels/{channel_id}/test": one(_CHANNELS),
    "POST /api/v1/alert-channels/{channel_id}/secret": one(_CHANNELS, body={"overlap_seconds": 60, "secret": None}),
    "GET /api/v1/alert-deliveries": one("alert.read", query={"project_id": "$project"}),
    "GET /api/v1/alert-deliveries/{delivery_id}": one("alert.read"),
    "POST /api/v1/alert-deliveries/{delivery_id}/replay": one(_CHANNELS),
    "GET /api/v1/alert-rules": one("alert.read", query={"project_id": "$project"}),
    "POST /api/v1/alert-rules": one(_RULES, body={"project_id": "$project", "name": "walk", "mode": "off"}),
    "POST /api/v1/alert-rules #places": one(
        _RULES,
        body={
            "project_id": "$project",
            "name": "walk there",
            "mode": "off",
            "environment_id": "$environment",
            "resource_id": "$database",
            "channel_ids": ["$channel"],
        },
    ),
    "POST /api/v1/alert-rules #server": whole(_RULES, body={"name": "walk", "mode": "digest"}),
    "GET /api/v1/alert-rules/{rule_id}": one("alert.read"),
    "PATCH /api/v1/alert-rules/{rule_id}": one(_RULES, body={"enabled": False}),
    "DELETE /api/v1/alert-rules/{rule_id}": one(_RULES, body={"confirm": "rule0"}),
}
ALERTS_STEP_UP = (
    "POST /api/v1/alert-channels",
    "PATCH /api/v1/alert-channels/{channel_id}",
    "DELETE /api/v1/alert-channels/{channel_id}",
    "POST /api/v1/alert-channels/{channel_id}/secret",
)
