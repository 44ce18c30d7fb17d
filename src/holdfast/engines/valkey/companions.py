"""What a snapshot says about itself to someone who has only stock tools."""

from __future__ import annotations

from collections.abc import Mapping

_README = """# Restoring this Valkey database without Holdfast

This snapshot of {name} holds `dump.rdb`: everything the server held at one moment, as Valkey and Redis write it.
Keys keep their absolute expiry; what has expired meanwhile does not come back.

You need `restic`, a `valkey-server` of the same version (in `manifest.json`) or later, and the
repository's password, which Holdfast or your recovery kit gives. Set REPOSITORY, SNAPSHOT
(`restic -r "$REPOSITORY" snapshots` lists them), OUT (a new directory), TARGET (the data directory of a STOPPED, empty
server) and CONFIG (that server's configuration file).

1. Get the file out; restic asks for the password unless RESTIC_PASSWORD or RESTIC_PASSWORD_FILE is set:

```sh
restic -r "$REPOSITORY" restore "$SNAPSHOT" --target "$OUT"
```

2. Check it:

```sh
valkey-check-rdb "$OUT/dump.rdb"
```

3. Put it into the server's place; what is there is not overwritten:

```sh
sh "$OUT/restore.sh" "$TARGET"
```

4. Start the server without its append-only file, for with one it would ignore `dump.rdb`:

```sh
valkey-server "$CONFIG" --dir "$TARGET" --dbfilename dump.rdb --appendonly no --databases {databases}
```

5. Where it shall have one, turn it on while it runs: `CONFIG SET appendonly yes`.

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


def companions(name: str, databases: int) -> Mapping[str, bytes]:
    """`name` is shown only; it is never part of a path or of the script. `databases`: numbered ones, at least; a stock
    server has 16 and ends at once when the file names another."""
    shown = "`" + "".join(c if c.isprintable() and c != "`" else "?" for c in name) + "`"
    return {
        "RESTORE.md": _README.format(name=shown, databases=max(databases, 16)).encode(),
        "restore.sh": _SCRIPT.encode(),
    }
