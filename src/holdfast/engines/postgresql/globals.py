"""Facts outside the database's own dump: roles it speaks of, and settings and words on the database itself."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.contract.catalog import JSON
from holdfast.engines.postgresql import link
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import OUR_ROLES, identifier, literal

# Every role a dump can name: owners, grantees, policies. pg_shdepend holds exactly those of this database.
_ROLES = """
SELECT DISTINCT r.rolname FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass
  AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  AND r.rolname NOT LIKE 'pg\\_%'
ORDER BY 1
"""

# Those of them that own something of this database.
_OWNERS = _ROLES.replace("WHERE d.refclassid", "WHERE d.deptype = 'o' AND d.refclassid")

_DATABASE = """
SELECT pg_catalog.shobj_description(d.oid, 'pg_database'),
       (SELECT array_agg(split_part(c, '=', 1) || '=' || substr(c, strpos(c, '=') + 1))
        FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c
        WHERE s.setdatabase = d.oid AND s.setrole = 0)
FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""

OUR_SETTING = "holdfast."


@dataclass(frozen=True)
class Globals:
    """`roles`: names beyond our own three and the superuser; `owners`: those of them that own something.
    `settings`: ALTER DATABASE ... SET."""

    roles: tuple[str, ...]
    comment: str | None
    settings: tuple[tuple[str, str], ...]
    owners: tuple[str, ...] = ()

    def as_json(self) -> dict[str, JSON]:
        settings = [list(pair) for pair in self.settings]
        return {"roles": list(self.roles), "owners": list(self.owners), "comment": self.comment, "settings": settings}


def read(connection: Connection) -> Globals:
    roles = tuple(row[0] for row in connection.execute(_ROLES).fetchall() if row[0] not in OUR_ROLES)
    owners = tuple(row[0] for row in connection.execute(_OWNERS).fetchall() if row[0] not in OUR_ROLES)
    comment, config = connection.execute(_DATABASE).fetchone() or (None, None)
    pairs = (text.split("=", 1) for text in config or ())
    settings = tuple((key, value) for key, value in pairs if not key.startswith(OUR_SETTING))
    return Globals(roles, comment, settings, owners)


def from_json(value: JSON) -> Globals:
    """Tolerant of what an older snapshot lacks."""
    if not isinstance(value, dict):
        return Globals((), None, ())
    roles, comment, settings = value.get("roles"), value.get("comment"), value.get("settings")
    owners = value.get("owners")
    return Globals(
        tuple(str(name) for name in roles) if isinstance(roles, list | tuple) else (),
        comment if isinstance(comment, str) else None,
        tuple((str(pair[0]), str(pair[1])) for pair in settings if isinstance(pair, list | tuple) and len(pair) == 2)
        if isinstance(settings, list | tuple)
        else (),
        tuple(str(name) for name in owners) if isinstance(owners, list | tuple) else (),
    )


def create_roles(admin: Connection, wanted: Globals) -> list[str]:
    """Missing roles come back without login: what they owned keeps its owner, and nobody new can enter."""
    made = []
    for name in wanted.roles:
        if admin.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
            admin.execute(link.statement(f"CREATE ROLE {identifier(name)} NOLOGIN"))
            made.append(name)
    return made


# GUC_LIST_QUOTE settings are stored as lists of quoted names and must not be quoted again as one string.
_LISTS = ("local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
          "temp_tablespaces", "unix_socket_directories")  # fmt: skip


def apply_database(owner: Connection, database: str, wanted: Globals) -> None:
    """As the owner, not the superuser: what only a superuser may set does not come back with a snapshot."""
    name = identifier(database)
    if wanted.comment is not None:
        owner.execute(link.statement(f"COMMENT ON DATABASE {name} IS {literal(wanted.comment)}"))
    for key, value in wanted.settings:
        text = value if key.lower() in _LISTS and value else literal(value)
        setting = ".".join(identifier(part) for part in key.split("."))
        owner.execute(link.statement(f"ALTER DATABASE {name} SET {setting} TO {text}"))
