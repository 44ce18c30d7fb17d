"""The same route table as a configuration of Caddy 2 (https://caddyserver.com/docs/json/): TLS in front of the edge.

Caddy obtains and renews the certificates of every host in the table and passes requests to the edge's front socket,
where its word on the client's address counts. With `direct` a worker that asks for nothing the edge alone can do (keys,
CORS, several versions) is reached at its own socket, with the same fields taken away and set.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.runtime.edge.routes import Route, Table

FILE = "caddy.json"
_DELETED = (
    *("Holdfast-*", "Holdfast_*", "Cf-*", "Cf_*", "X-Forwarded-Prefix", "X-Forwarded-Port", "X-Forwarded-Server"),
    *("X_forwarded_*", "Forwarded", "X-Real-Ip", "True-Client-Ip", "X-Original-Url", "X-Rewrite-Url", "X-Request-Id"),
    *("Proxy-Authorization", "Proxy-Connection", "Http2-Settings", "X-Http-Method-Override"),
)
_OURS = r"(?:holdfast[_-]|__host-holdfast|__secure-holdfast)"
_COOKIE = rf"(?i)(?:^|;)\s*{_OURS}[^=;]*=[^;]*"
_SET_COOKIE = rf"(?i)^[=\s]*({_OURS})"

# A connection is let go before the other side does: a POST on one that has just ended would fail.
_TRANSPORT = {"protocol": "http", "dial_timeout": "10s", "keep_alive": {"idle_timeout": "45s"}}


@dataclass(frozen=True)
class Options:
    """`front`: the edge's socket. `internal`: certificates of Caddy's own authority, for machines nobody reaches."""

    front: Path
    direct: bool = False
    internal: bool = False
    http_port: int = 80
    https_port: int = 443
    listen: str = ""
    storage: Path | None = None
    admin: str = "off"


def configuration(table: Table, options: Options) -> dict[str, Any]:
    """Every host of the table and the shared ones; any other is answered with 404."""
    routes = [_route(each, _hosts(each, table), options) for each in table.routes if _hosts(each, table)]
    routes.append({"match": [{"host": list(table.suffixes)}], "handle": [_edge(options)], "terminal": True})
    routes.append({"handle": [{"handler": "static_response", "status_code": 404}]})
    server = {
        "listen": [f"{options.listen}:{options.https_port}"],
        "routes": routes,
        "read_header_timeout": "15s",
        "idle_timeout": "75s",
        "max_header_bytes": 32768,
    }
    apps: dict[str, Any] = {
        "http": {"http_port": options.http_port, "https_port": options.https_port, "servers": {"holdfast": server}}
    }
    if options.internal:
        apps["tls"] = {"automation": {"policies": [{"issuers": [{"module": "internal"}]}]}}
        apps["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    made: dict[str, Any] = {"admin": {"disabled": True} if options.admin == "off" else {"listen": options.admin}}
    if options.storage is not None:
        made["storage"] = {"module": "file_system", "root": str(options.storage)}
    return {**made, "apps": apps}


def write(path: Path, table: Table, options: Options) -> None:
    """Whole, then renamed: `caddy run --watch` must not read half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(configuration(table, options), indent=1))
    fresh.replace(path)


def _hosts(route: Route, table: Table) -> list[str]:
    return [*(f"{route.slug}.{suffix}" for suffix in table.suffixes), *route.hosts]


def _route(route: Route, hosts: list[str], options: Options) -> dict[str, Any]:
    edged = route.keys is not None or route.cors is not None or route.rate is not None
    straight = options.direct and route.enabled and not edged
    handle = [_edge(options)]
    if straight and len(route.versions) == 1 and route.versions[0].weight > 0:
        handle = [
            {"handler": "request_body", "max_size": route.body_bytes},
            {"handler": "headers", "request": _taken_away()},
            _worker(route.versions[0].socket, route.timeout_seconds),
        ]
    return {"match": [{"host": hosts}], "handle": handle, "terminal": True}


def _edge(options: Options) -> dict[str, Any]:
    dial = [{"dial": f"unix/{options.front}"}]
    return {"handler": "reverse_proxy", "upstreams": dial, "flush_interval": -1, "transport": dict(_TRANSPORT)}


def _taken_away() -> dict[str, Any]:
    return {"delete": list(_DELETED), "replace": {"Cookie": [{"search_regexp": _COOKIE, "replace": ""}]}}


def _worker(socket: str, seconds: float) -> dict[str, Any]:
    """As `forward.request_head` and `forward.response_head` do it."""
    client, request_id = "{http.request.remote.host}", "{http.request.uuid}"
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"unix/{socket}"}],
        "flush_interval": -1,
        "transport": {
            **_TRANSPORT,
            "response_header_timeout": f"{seconds + 5:g}s",
            "max_response_header_size": 65536,
        },
        "headers": {
            "request": {"set": {"Cf-Connecting-Ip": [client], "Holdfast-Request-Id": [request_id]}},
            "response": {
                "delete": ["Holdfast-*", "Alt-Svc"],
                "set": {"X-Request-Id": [request_id]},
                "replace": {"Set-Cookie": [{"search_regexp": _SET_COOKIE, "replace": "refused-$1"}]},
            },
        },
    }
