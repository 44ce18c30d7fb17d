"""A Valkey server's own numbers, from INFO (valkey.io/commands/info)."""

from __future__ import annotations

from holdfast.contract.measure import Measures
from holdfast.engines.valkey.link import Link


def measure(link: Link) -> Measures:
    """Our own connection is not counted. The size is what the data takes in memory."""
    said = {}
    for section in ("clients", "memory", "stats"):
        for line in bytes(link.command("INFO", section)).decode().splitlines():
            name, _, value = line.partition(":")
            if value.isdigit():
                said[name] = int(value)
    clients = said.get("connected_clients")
    return Measures(
        size_bytes=said.get("used_memory_dataset"),
        connections=None if clients is None else clients - 1,
        connections_max=said.get("maxclients"),
        transactions=said.get("total_commands_processed"),
    )
