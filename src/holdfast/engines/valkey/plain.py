"""The snapshot's one entry is the RDB."""

from __future__ import annotations

from holdfast.contract.plain import PlainFile, Whole
from holdfast.contract.snapshot import Source
from holdfast.engines.valkey import scratch


def plain(source: Source) -> PlainFile:
    return PlainFile(
        form="rdb",
        extension="rdb",
        title="an RDB file",
        parts=(Whole(scratch.ENTRY, source.size(scratch.ENTRY)),),
        commands=('mkdir -p "$TARGET"', 'cp -- "$FILE" "$TARGET/dump.rdb"'),
        notes=(
            "TARGET is the data directory of a STOPPED, empty server of the same version or later.",
            "Start it with `--appendonly no`: with an append-only file it would ignore `dump.rdb`.",
        ),
    )
