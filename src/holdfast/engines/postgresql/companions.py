"""`RESTORE.md` and `restore.sh`: how to get the database back with stock restic and stock PostgreSQL tools only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from holdfast.contract.catalog import Catalog
from holdfast.engines.postgresql.globals import Globals
from holdfast.engines.postgresql.names import OWNER, READ_ONLY, READ_WRITE, identifier, identifiers, literal, qualified
from holdfast.engines.postgresql.tables import Range


def make(catalog: Catalog, parts: Sequence[Range], path: Callable[[Range], str], known: Globals) -> Mapping[str, bytes]:
    roles = [OWNER, READ_WRITE, READ_ONLY, *known.roles]
    return {
        "RESTORE.md": GUIDE.format(
            database=_shown(catalog.database),
            version=catalog.version,
            major=catalog.version.split(".", maxsplit=1)[0],
            extensions=_extensions(catalog.extensions),
        ).encode(),
        "restore.sh": SCRIPT.format(
            roles="\n".join(f"role {_word(_role(name))}" for name in roles),
            copies="\n".join(f"copy {_word(_copy_in(part))} {_word(path(part))}" for part in parts),
        ).encode(),
    }


def _extensions(found: Mapping[str, str]) -> str:
    if not found:
        return "The server needs no extensions."
    named = ", ".join(f"`{_shown(name)}` {_shown(version)}" for name, version in sorted(found.items()))
    return f"The server needs the files of these extensions; the archives create them: {named}."


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() and c != "`" else "?" for c in text)


def _copy_in(part: Range) -> str:
    table = part.table
    columns = f" ({identifiers(table.columns)})" if table.columns else ""
    return f"COPY {qualified(*table.target)}{columns} FROM STDIN"


def _role(name: str) -> str:
    """One statement that makes a role without login when it is missing."""
    absent = f"NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(name)})"
    body = f"IF {absent} THEN CREATE ROLE {identifier(name)} NOLOGIN; END IF;"
    tag = "$hf$"
    while tag in body:
        tag = tag[:-1] + "x$"
    return f"DO {tag}BEGIN {body} END{tag}"


def _word(text: str) -> str:
    """One shell word, whatever it holds."""
    return "'" + text.replace("'", "'\\''") + "'"


GUIDE = """\
# How to restore this snapshot without Holdfast

Database `{database}`, PostgreSQL {version}. You need `restic`, the repository's password and the PostgreSQL
client tools of version {major} or later (`psql`, `pg_restore`).

{extensions}
Export REPOSITORY, SNAPSHOT (`restic -r "$REPOSITORY" snapshots` lists them), OUT (a new directory), and for the tools
PGHOST, PGPORT, PGUSER (a superuser), PGPASSWORD and PGDATABASE: the database to be made.

1. Get the files; restic asks for the password unless RESTIC_PASSWORD or RESTIC_PASSWORD_FILE is set:

```sh
restic -r "$REPOSITORY" restore "$SNAPSHOT" --target "$OUT"
```

2. Make an empty database:

```sh
createdb -T template0 -E UTF8 -- "$PGDATABASE"
```

3. Fill it. This stops at the first error:

```sh
sh "$OUT/restore.sh"
```

What is here:

- `schema/pre-data.dump`, `schema/post-data.dump`: archives for `pg_restore` (tables and types; then indexes,
  constraints, triggers, policies).
- `data/SCHEMA/TABLE/BLOCK.copy`: rows in PostgreSQL's COPY text format, one file per 64 MiB of table.
- `schema/sequences.sql`: where each sequence stands.
- `large-objects.dump` (when there are any): an archive with large objects, their owners and grants.
- `manifest.json`: row counts and digests to compare with, names of roles, settings of the database.

Roles are created without login; give them passwords yourself. Restore only snapshots you trust: the schema holds code
that runs with the rights of whoever restores it.
"""

SCRIPT = """\
#!/bin/sh
# Restores this snapshot into the empty database named by PGDATABASE. See RESTORE.md.
set -eu
cd "$(dirname "$0")"
: "${{PGDATABASE:?name the empty database in PGDATABASE}}"
export PGOPTIONS="-c search_path= -c row_security=off -c DateStyle=ISO,YMD -c IntervalStyle=postgres -c TimeZone=UTC"
export PGCLIENTENCODING=UTF8
run() {{ psql -X -q -v ON_ERROR_STOP=1 -o /dev/null "$@"; }}
role() {{ run -c "$1"; }}
copy() {{ run -c "$1" < "$2"; }}
target="dbname='$(printf %s "$PGDATABASE" | sed "s/[\\\\']/\\\\\\\\&/g")'"
archive() {{ pg_restore --exit-on-error --enable-row-security --no-password -d "$target" "$1"; }}

{roles}
archive schema/pre-data.dump
{copies}
run -f schema/sequences.sql
if [ -f large-objects.dump ]; then
  archive large-objects.dump
fi
archive schema/post-data.dump
run -c 'ANALYZE'
echo "restored into $PGDATABASE"
"""
