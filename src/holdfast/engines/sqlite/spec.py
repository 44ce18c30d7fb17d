"""What a user may ask for, and what this engine says about itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from holdfast.contract.engine import Capabilities, CaptureTraits
from holdfast.contract.spec import Spec

ENTRY = "database.sqlite"  # the one entry of a snapshot, and the file's name in its directory
SCHEMA = "main"
MAGIC = b"SQLite format 3\0"  # how every database file begins


class SqliteSpec(Spec):
    """Options of a new SQLite database. `page_size` in bytes is fixed at creation."""

    version: Literal["3"] = Field(default="3", title="Version")
    page_size: Literal[512, 1024, 2048, 4096, 8192, 16384, 32768, 65536] = Field(
        default=4096, title="Page size", description="Bytes per page; 4096 suits nearly everyone."
    )


_NO_SERVER = "never: there is no server, so nobody is connected to it and it knows no users"

CAPABILITIES = Capabilities(
    title="SQLite",
    language="sql",
    dialect="sqlite",
    hosts=("embedded", "external"),
    versions=("3",),
    default_version="3",
    capture=CaptureTraits(
        isolation="snapshot",
        temporary_disk="none for the copy; the -wal file grows by what others write until the capture ends",
        incremental=True,
        unchanged="of a hosted file nobody wrote to, only pages in its -wal are read, and a sample of the others",
    ),
    schemas=False,
    translates=True,
    url_schemes=("sqlite",),
    templates=(
        ("Tables", "SELECT name, type FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"),
        ("First rows", "SELECT * FROM table_name LIMIT 100"),
        ("Row count", "SELECT count(*) FROM table_name"),
        ("Columns of a table", "SELECT name, type, pk FROM pragma_table_xinfo('table_name')"),
        ("Query plan", "EXPLAIN QUERY PLAN SELECT * FROM table_name"),
        ("New table", "CREATE TABLE table_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"),
    ),
    gaps={
        "CanKeyValue": "never: it keeps tables, whose rows are edited instead (CanEdit)",
        "CanActivity": _NO_SERVER,
        "CanAdmit": _NO_SERVER,
        "CanExtend": "never: an extension is another program's code in our process",
    },
)
