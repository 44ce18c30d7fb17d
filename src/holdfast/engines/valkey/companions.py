"""What a snapshot says about itself to someone who has only stock tools."""

from __future__ import annotations

from collections.abc import Mapping

_README = """# Restoring this Valkey database without Holdfast

This snapshot of {name} holds `dump.rdb`: everything the server held at one moment, as Valkey and Redis write it.
Keys keep their absolute expiry; what has expired meanwhile does not come back.

1. Get the file out with stock restic: `restic -r REPOSITORY restore SNAPSHOT --target OUT`
2. Check it (optional): `valkey-check-rdb OUT/dump.rdb`
3. Run `sh restore.sh DIRECTORY` with the data directory of a STOPPED, empty server of the same version or later.
4. Start the server with `--dir DIRECTORY --dbfilename dump.rdb --appendonly no`. Turn the append-only file on
   afterwards with `CONFIG SET appendonly yes`: a server started with it would ignore `dump.rdb`.

`manifest.json` lists databases, types, numbers of keys and digests. Users and passwords are not in the snapshot.
"""

_SCRIPT = """#!/bin/sh
# Usage: restore.sh DIRECTORY    puts dump.rdb, next to this script, into a stopped server's empty data directory.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${1:?usage: restore.sh DIRECTORY}
for file in "$target/dump.rdb" "$target/appendonlydir"; do
    if [ -e "$file" ]; then
        echo "$file exists already: move it away first" >&2
        exit 1
    fi
done
cp -- "$here/dump.rdb" "$target/dump.rdb.part"
mv -- "$target/dump.rdb.part" "$target/dump.rdb"
echo "restored into $target; start the server with appendonly no first"
"""


def companions(name: str) -> Mapping[str, bytes]:
    """`name` is shown only; it is never part of a path or of the script."""
    shown = "`" + "".join(c if c.isprintable() and c != "`" else "?" for c in name) + "`"
    return {"RESTORE.md": _README.format(name=shown).encode(), "restore.sh": _SCRIPT.encode()}
