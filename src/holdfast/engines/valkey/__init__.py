"""Valkey 9: one server per database, snapshots as the RDB of one moment taken over replication."""

from holdfast.engines.valkey.engine import ValkeyEngine

engine = ValkeyEngine()

__all__ = ["ValkeyEngine", "engine"]
