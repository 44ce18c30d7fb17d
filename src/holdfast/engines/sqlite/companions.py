"""What a snapshot says about itself to someone who has only stock tools."""

from __future__ import annotations

from collections.abc import Mapping

_README = """# Restoring this SQLite database without Holdfast

This snapshot of {name} holds one file, `database.sqlite`: a whole SQLite database as it was at one moment.
There is no separate write-ahead log to restore.

You need `restic`, `sqlite3` and the repository's password, which Holdfast or your recovery kit gives. Set REPOSITORY,
SNAPSHOT (`restic -r "$REPOSITORY" snapshots` lists them), OUT (a new directory) and TARGET (the database's file).

1. Get the file out; restic asks for the password unless RESTIC_PASSWORD or RESTIC_PASSWORD_FILE is set:

```sh
restic -r "$REPOSITORY" restore "$SNAPSHOT" --target "$OUT"
```

2. Check it. This prints `ok`:

```sh
sqlite3 "$OUT/database.sqlite" "PRAGMA integrity_check"
```

3. Stop every program that uses the old database and move its file away, with its `-wal` and `-shm` neighbours
   (a stale `-wal` would be replayed into the new file). Then put the new one into its place:

```sh
sh "$OUT/restore.sh" "$TARGET"
```

`restore.sh` checks the file once more and refuses to overwrite. `manifest.json` lists tables, row counts and digests.
"""

_SCRIPT = """#!/bin/sh
# Usage: restore.sh TARGET    copies database.sqlite, next to this script, to TARGET after checking it.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${1:?usage: restore.sh TARGET}
for file in "$target" "$target-wal" "$target-shm" "$target-journal"; do
    if [ -e "$file" ]; then
        echo "$file exists already: move it away first" >&2
        exit 1
    fi
done
cp -- "$here/database.sqlite" "$target.part"
if command -v sqlite3 >/dev/null 2>&1; then
    answer=$(sqlite3 "$target.part" "PRAGMA integrity_check")
    if [ "$answer" != ok ]; then
        echo "the file is damaged: $answer" >&2
        exit 1
    fi
    rm -f -- "$target.part-wal" "$target.part-shm"
fi
mv -- "$target.part" "$target"
echo "restored $target"
"""


def companions(name: str) -> Mapping[str, bytes]:
    """`name` is shown only; it is never part of a path or of the script."""
    shown = "`" + "".join(c if c.isprintable() and c != "`" else "?" for c in name) + "`"
    return {"RESTORE.md": _README.format(name=shown).encode(), "restore.sh": _SCRIPT.encode()}
