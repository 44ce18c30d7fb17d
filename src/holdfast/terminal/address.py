"""Where a browser or another program finds the Holdfast that the command line talks to."""

from __future__ import annotations

from holdfast.kernel.errors import Retryable
from holdfast.kernel.settings import Settings
from holdfast.terminal.context import Terminal


def keeper_url(settings: Settings, control_port: int | None) -> str:
    """Of the Holdfast on this machine."""
    return f"http://{settings.host}:{control_port or settings.control_port}"


def apps_url(info_port: int | None) -> str | None:
    """The apps origin of the Holdfast on this machine; a worker's own is the same with its name before the host."""
    return f"http://localhost:{info_port}" if info_port else None


def absolute(t: Terminal, path: str) -> str:
    """`path` below the address that this invocation talks to: a profile's, or the one on this machine."""
    url, socket, _ = t.client.line
    if socket is None:
        return url.rstrip("/") + path
    from holdfast.hosts.keeper import KeeperClient

    settings = t.settings()
    try:
        port: int | None = KeeperClient.of(settings).info().control_port
    except Retryable:
        port = None
    return keeper_url(settings, port) + path
