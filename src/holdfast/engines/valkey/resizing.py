"""Other limits and settings for a server that stands. All but the number of databases is taken at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from holdfast.contract.resizing import Change, differing, wrong
from holdfast.contract.spec import Endpoint, Spec
from holdfast.engines.valkey.link import connect
from holdfast.engines.valkey.spec import ValkeySpec
from holdfast.kernel.errors import Invalid

_FIXED = ("version", "databases")  # where restored candidates stand is counted in databases: see blocks.py
_ROOM_MB = 16


class Resizes:
    """Implements CanResize."""

    def changes(self, before: Spec, after: Spec) -> tuple[Change, ...]:
        new = _own(after)
        found = differing(_own(before), new)
        for name in found:
            if name in _FIXED:
                raise wrong(name, "stays as it was created; restore a snapshot into a database that has more of them")
        if new.memory_mb is not None and new.memory_mb < new.max_data_mb + _ROOM_MB:
            least = new.max_data_mb + _ROOM_MB
            raise wrong("memory_mb", f"with {new.max_data_mb} MB of max_data_mb it takes at least {least}")
        return tuple(Change(name, *pair, applies="at once") for name, pair in found.items())

    def used(self, at: Endpoint) -> Mapping[str, float]:
        """Below what is held, keys would be evicted or every write refused."""
        with connect(replace(at, beside=None)) as link:
            lines = link.command("INFO", "memory").decode().splitlines()
        facts = dict(line.split(":", 1) for line in lines if ":" in line)
        return {"max_data_mb": int(facts["used_memory"]) / (1024 * 1024)}

    def resize(self, at: Endpoint, spec: Spec) -> None:
        """`prepare` has set maxmemory, which counts what stands beside the living data too."""
        own = _own(spec)
        with connect(replace(at, beside=None)) as link:
            link.command("CONFIG", "SET", "maxmemory-policy", own.eviction, "maxclients", own.max_clients)
            link.command("ACL", "SAVE")  # the host wrote the standing users alone: the others too are for a crash


def _own(spec: Spec) -> ValkeySpec:
    if not isinstance(spec, ValkeySpec):
        raise Invalid("this is not a Valkey spec", code="spec_invalid")
    return spec
