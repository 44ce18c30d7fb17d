"""The routes of alerts."""

from __future__ import annotations

from holdfast.features.alerts import api, api_channels

ROUTERS = (api.router, api_channels.router)
