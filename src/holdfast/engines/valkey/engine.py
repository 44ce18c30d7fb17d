"""Valkey as an engine: one supervised server per database, keys instead of tables, commands instead of SQL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, cast
from urllib.parse import quote

from holdfast.contract.engine import Capabilities, CaptureTraits, Session
from holdfast.contract.external import Address, ExternalTraits, Wire
from holdfast.contract.front import Front
from holdfast.contract.plain import PlainFile
from holdfast.contract.privileges import Report
from holdfast.contract.query import Batch
from holdfast.contract.snapshot import Receipt, Source, Verdict
from holdfast.contract.spec import Access, Endpoint, Plan, Site, Software, Spec
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import address, blocks, keys, plan, privileges
from holdfast.engines.valkey.activity import Activities
from holdfast.engines.valkey.dumps import TakesIn
from holdfast.engines.valkey.link import connect
from holdfast.engines.valkey.logins import Logins, again
from holdfast.engines.valkey.plain import plain
from holdfast.engines.valkey.preview import preview
from holdfast.engines.valkey.resizing import Resizes
from holdfast.engines.valkey.rotation import Rotates
from holdfast.engines.valkey.session import ValkeySession
from holdfast.engines.valkey.spec import REDIS, ValkeySpec
from holdfast.engines.valkey.verify import readable
from holdfast.engines.valkey.words import COMMANDS, REFUSED
from holdfast.kernel.errors import Conflict, Invalid, NeedsOperator
from holdfast.kernel.stop import Stop

TEMPLATES = (
    ("Some keys", "SCAN 0 COUNT 100"),
    ("Number of keys", "DBSIZE"),
    ("Memory", "INFO memory"),
)

_REDIS_KNOWN = ("7.0.", "7.2.")  # later ones keep their data in a format no Valkey reads
_NO_TABLES = "never: keys have no schema; the catalog counts them by database and type"
_NO_WAITING = "never: a server does one command at a time and none that waits is run, so nothing there is to be stopped"
_NO_ROWS = "never: there are no tables; single keys are edited (CanKeyValue)"
_NO_SCRIPTS = "never: commands are not undone, so no script could run whole or not at all"
GAPS = {
    "inspect_awkward_names": _NO_TABLES,
    "inspect_relations": _NO_TABLES,
    "query_time_limit": _NO_WAITING,
    "query_stop": _NO_WAITING,
    "restore_selected": "never: a snapshot is chosen from by database and type, and keys keep their names",
    "digests": "never: a key is there once, and digests are by database and type, not by collection",
    "CanEdit": _NO_ROWS,
    "CanReshape": _NO_ROWS,
    "CanBulk": _NO_ROWS,
    "CanScript": _NO_SCRIPTS,
    "CanMaintain": "never: memory has no pages to rewrite and no indexes; the server looks after itself",
    "CanTune": "never: what a user may choose is in the spec, and takes effect at a resize",
    "CanExtend": "never: a module is another program's code in the server",
}


class ValkeyEngine(Logins, Rotates, Resizes, Activities, TakesIn):
    name: ClassVar[str] = "valkey"
    spec: ClassVar[type[Spec]] = ValkeySpec
    capabilities: ClassVar[Capabilities] = Capabilities(
        title="Valkey",
        language="commands",
        dialect=None,
        hosts=("process", "external"),
        versions=("9", REDIS),
        default_version="9",
        capture=CaptureTraits(
            isolation="snapshot",
            temporary_disk="one RDB file, about as large as the data; a scratch server holds it in memory meanwhile",
            incremental=False,
            unchanged="the server always sends everything; what is stored already is not stored again",
        ),
        transactions=False,
        schemas=True,
        url_schemes=("valkey", "redis", "valkeys", "rediss"),
        templates=TEMPLATES,
        vocabulary=COMMANDS | REFUSED,
        gaps=GAPS,
    )

    external: ClassVar[ExternalTraits] = address.TRAITS
    wire: ClassVar[Wire | None] = address.WIRE

    def front(self) -> Front:
        """TLS from the first byte."""
        return Front()

    def software(self, spec: Spec) -> Software | None:
        return plan.software(_own(spec))

    def needs(self, spec: Spec) -> tuple[bool, Sequence[str]]:  # noqa: ARG002
        return True, plan.SECRETS

    def plan(self, spec: Spec, site: Site) -> Plan:
        return plan.make_plan(_own(spec), site)

    async def prepare(self, at: Endpoint, spec: Spec, tools: Tools) -> Receipt:  # noqa: ARG002
        return await asyncio.to_thread(_prepare, at, _own(spec))

    def connect(self, at: Endpoint, tools: Tools, access: Access = "admin") -> Session:
        return cast(Session, ValkeySession(at, tools, access))

    def url(self, at: Endpoint, access: Access) -> str:
        """redis:// (which every client knows) over TCP where there is a port, else over the unix socket."""
        role = at.roles.get(access)
        if role is None:
            raise Invalid(f"this database has no {access} role", code="role_absent")
        login = f"{quote(role.user, safe='')}:{quote(at.secrets.get(role.secret, ''), safe='')}"
        if at.host and at.port:
            host = f"[{at.host}]" if ":" in at.host else at.host
            scheme = "rediss" if at.tls not in (None, "disable") else "redis"
            return f"{scheme}://{login}@{host}:{at.port}/0"
        return f"unix://{login}@{quote(str(at.sockets))}/{plan.SOCKET}?db=0"

    def address(self, url: str) -> Address:
        return address.parse(url)

    def sibling(self, at: Endpoint, name: str) -> Endpoint:  # noqa: ARG002
        raise Conflict(
            "a Valkey server is one database: there is no making another one there",
            code="cannot_create_there",
            hint="Restore into a new database hosted here, or in place.",
        )

    async def report(self, at: Endpoint, tools: Tools) -> Report:  # noqa: ARG002
        return await asyncio.to_thread(privileges.report, at)

    def beside(self, at: Endpoint, label: str) -> Endpoint:
        if not re.fullmatch(r"[a-z0-9_]{1,24}", label):
            raise Invalid(f"{label!r} is no label for a database beside another", code="name_invalid")
        return replace(at, beside=label)

    async def swap(self, at: Endpoint, candidate: Endpoint, kept: Endpoint, tools: Tools) -> Receipt:  # noqa: ARG002
        """No outage: one transaction of the server. Its users' connections are ended so that none goes on unawares."""
        return await asyncio.to_thread(_swap, at, _label(candidate), _label(kept))

    async def discard(self, at: Endpoint, tools: Tools) -> Receipt:  # noqa: ARG002
        return await asyncio.to_thread(_discard, at, _label(at))

    def preview(self, source: Source, table: str, limit: int, tools: Tools, stop: Stop) -> Batch:
        return preview(source, table, limit, tools, stop)

    def plain(self, source: Source) -> PlainFile:
        return plain(source)

    def readable(self, source: Source, tools: Tools, stop: Stop) -> Verdict:
        return readable(source, tools, stop)


def _prepare(at: Endpoint, spec: ValkeySpec) -> Receipt:
    """The users once more: a secret that was changed since the server's start counts from now on. Beside: a block."""
    data_bytes = spec.max_data_mb * 1024 * 1024
    with connect(replace(at, beside=None)) as link:
        if at.beside is not None:
            blocks.allocate(link, at.beside, data_bytes)
            return Receipt()
        if not at.hosted:
            return Receipt()
        if link.redis and not keys.version(link).startswith(_REDIS_KNOWN):
            raise NeedsOperator(
                f"the system's Redis is version {keys.version(link)}: 7.0 and 7.2 are known here",
                code="software_version",
                hint="Create the database with version 9, which is Valkey and comes with Holdfast.",
            )
        blocks.fit(link, data_bytes)
        for access in ("owner", "rw", "ro"):
            link.command(
                "ACL", "SETUSER", at.roles[access].user, *plan.rules(at, access, range(link.span), redis=link.redis)
            )
        again(link)
    return Receipt()


def _swap(at: Endpoint, candidate: str, kept: str) -> Receipt:
    with connect(replace(at, beside=None)) as link:
        return blocks.swap(link, candidate, kept, at.roles["admin"].user)


def _discard(at: Endpoint, label: str) -> Receipt:
    with connect(replace(at, beside=None)) as link:
        if at.hosted:
            link.pipeline([("ACL", "DELUSER", f"{user}:{label}") for user in _users(at)])
        return blocks.discard(link, label)


def _users(at: Endpoint) -> tuple[str, ...]:
    return tuple(role.user for access, role in at.roles.items() if access != "admin")


def _label(at: Endpoint) -> str:
    if at.beside is None:
        raise Invalid("this is the living database, not one beside it", code="not_beside")
    return at.beside


def _own(spec: Spec) -> ValkeySpec:
    if not isinstance(spec, ValkeySpec):
        raise Invalid("this is not a Valkey spec", code="spec_invalid")
    return spec
