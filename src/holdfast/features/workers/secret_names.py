"""A worker's own secrets are kept among its environment's, under a name that begins with the worker's id."""

from __future__ import annotations


def kept_name(worker_id: str, name: str) -> str:
    return f"{worker_id}.{name}"


def own_name(worker_id: str, kept: str) -> str | None:
    """None for what is not this worker's own."""
    prefix = f"{worker_id}."
    return kept[len(prefix) :] if kept.startswith(prefix) else None
