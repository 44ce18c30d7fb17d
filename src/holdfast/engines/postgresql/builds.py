"""Minor releases: the same major version reads the same data directory (postgresql.org/support/versioning)."""

from __future__ import annotations

import re

import psycopg

from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.names import elsewhere
from holdfast.kernel.errors import Permanent


class Builds:
    """Implements CanPatch."""

    def build_of(self, tools: Tools) -> str:
        said = tools.output(("postgres", "--version"), env={"LC_ALL": "C"}).decode(errors="replace")
        found = re.search(r"\d+(\.\d+)*", said)
        if found is None:
            raise Permanent(f"postgres does not say its version: {said[:100]!r}", code="build_unknown")
        return found[0]

    def build(self, at: Endpoint) -> str:
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                row = admin.execute("SELECT pg_catalog.current_setting('server_version')").fetchone()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "asking for the server's version") from error
        return str(row[0]).split(" ")[0] if row else ""
