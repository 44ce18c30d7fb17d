"""Requests counted as they end: how many, how long, by route. Never by path: an attacker's paths would fill memory."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class HttpMeter:
    """The api's own numbers. `registry` is what /metrics shows of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "holdfast_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "holdfast_http_request_duration_seconds",
            "How long answers took, streams to their end.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge("holdfast_http_requests_in_flight", "Requests being answered.", registry=self.registry)


class Measured:
    """Counts what passes. A request that no route took has the route "none"."""

    def __init__(self, app: ASGIApp, meter: HttpMeter, prefix: str = "") -> None:
        self.app = app
        self.meter = meter
        self.prefix = prefix

    def _route(self, scope: Scope) -> str:
        """The template. A route included below a prefix knows only its own part."""
        route: str | None = getattr(scope.get("route"), "path", None)
        if route is None:
            return "none"
        below = scope["path"].startswith(self.prefix + "/") and not route.startswith(self.prefix)
        return self.prefix + route if below else route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500  # what is answered when the app raises

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        with self.meter.in_flight.track_inprogress():
            try:
                await self.app(scope, receive, seen)
            finally:
                method = scope["method"] if scope["method"] in _METHODS else "other"
                route = self._route(scope)
                self.meter.requests.labels(method, route, str(status)).inc()
                self.meter.seconds.labels(method, route).observe(time.perf_counter() - started)
