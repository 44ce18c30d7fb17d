"""Names and literals as PostgreSQL reads them."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from holdfast.contract.names import encodable
from holdfast.contract.spec import Endpoint
from holdfast.kernel.errors import Invalid

NAME_BYTES = 63  # NAMEDATALEN - 1: the server cuts longer names silently, and two would become one

SUPERUSER = "holdfast"
OWNER = "db_owner"
READ_WRITE = "db_rw"
READ_ONLY = "db_ro"
OUR_ROLES = (SUPERUSER, OWNER, READ_WRITE, READ_ONLY)
RESERVED_DATABASES = ("postgres", "template0", "template1")


def identifier(name: str) -> str:
    """`name` quoted as one identifier. Always quoted: a reserved word must not become syntax.

    Raises Invalid (code "name_invalid") for a name the server would cut: it would mean another one than was said.
    """
    if "\x00" in name or not encodable(name):
        raise Invalid("a PostgreSQL name cannot hold a zero byte or half a character", code="name_invalid")
    if len(name.encode()) > NAME_BYTES:
        raise Invalid(f"a PostgreSQL name takes 1 to {NAME_BYTES} bytes", code="name_invalid")
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"


def identifiers(names: Iterable[str]) -> str:
    return ", ".join(identifier(name) for name in names)


def literal(text: str) -> str:
    """`text` as a string literal, right whatever `standard_conforming_strings` says."""
    if "\x00" in text or not encodable(text):
        raise Invalid("PostgreSQL text cannot hold a zero byte or half a character", code="name_invalid")
    quoted = text.replace("'", "''")
    if "\\" in quoted:
        return " E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def conninfo_value(text: str) -> str:
    """`text` as a value inside a libpq connection string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def check_database_name(name: str) -> str:
    """Any printable name of at most 63 bytes, except the server's own. Raises Invalid (code "name_invalid")."""
    size = len(name.encode("utf-8", "surrogatepass"))
    if not 0 < size <= NAME_BYTES:
        raise Invalid(
            f"a PostgreSQL database name takes 1 to {NAME_BYTES} bytes; this one takes {size}", code="name_invalid"
        )
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise Invalid("a PostgreSQL database name cannot hold control characters", code="name_invalid")
    if name in RESERVED_DATABASES:
        raise Invalid(f"{name!r} is one of the server's own databases", code="name_invalid", hint="choose another name")
    return name


def beside_name(name: str, label: str) -> str:
    """A second database's name, from the first and a label; at most 63 bytes, different for different names."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    suffix = f"~{label}~{digest}"
    head = name.encode()[: NAME_BYTES - len(suffix.encode())].decode(errors="ignore")
    return head + suffix


def elsewhere(at: Endpoint, database: str) -> Endpoint:
    """The same server, another database."""
    return replace(at, database=database)


def maintenance(at: Endpoint) -> Endpoint:
    """The database from which others are made, renamed and dropped."""
    return elsewhere(at, at.maintenance or "postgres")


def owner_of(at: Endpoint) -> str:
    """Who owns what is restored: our role at a server of ours, the registered login elsewhere."""
    return OWNER if at.hosted else at.roles["admin"].user
