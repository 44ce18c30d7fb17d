"""Valkey as an engine: one supervised server per database, keys instead of tables, commands instead of SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, cast
from urllib.parse import quote

from holdfast.contract.engine import Capabilities, CaptureTraits, Session
from holdfast.contract.front import Front
from holdfast.contract.snapshot import Receipt, Source, Verdict
from holdfast.contract.spec import Access, Endpoint, Plan, Site, Software, Spec
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import plan
from holdfast.engines.valkey.activity import Activities
from holdfast.engines.valkey.link import connect
from holdfast.engines.valkey.logins import Logins
from holdfast.engines.valkey.session import ValkeySession
from holdfast.engines.valkey.spec import ValkeySpec
from holdfast.engines.valkey.verify import readable
from holdfast.kernel.errors import Invalid
from holdfast.kernel.stop import Stop

TEMPLATES = (
    ("Some keys", "SCAN 0 COUNT 100"),
    ("Number of keys", "DBSIZE"),
    ("Memory", "INFO memory"),
)


class ValkeyEngine(Logins, Activities):
    name: ClassVar[str] = "valkey"
    spec: ClassVar[type[Spec]] = ValkeySpec
    capabilities: ClassVar[Capabilities] = Capabilities(
        title="Valkey",
        language="commands",
        dialect=None,
        hosts=("process",),
        versions=("9",),
        default_version="9",
        capture=CaptureTraits(
            isolation="snapshot",
            temporary_disk="one RDB file, about as large as the data; a scratch server holds it in memory meanwhile",
        ),
        transactions=False,
        schemas=True,
        url_schemes=("valkey", "redis"),
        templates=TEMPLATES,
    )

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
        return await asyncio.to_thread(_prepare, at)

    def connect(self, at: Endpoint, tools: Tools, access: Access = "admin") -> Session:
        return cast(Session, ValkeySession(at, tools, access))

    def url(self, at: Endpoint, access: Access) -> str:
        """redis:// (which every client knows) over loopback TCP where there is a port, else over the unix socket."""
        role = at.roles.get(access)
        if role is None:
            raise Invalid(f"this database has no {access} role", code="role_absent")
        login = f"{quote(role.user, safe='')}:{quote(at.secrets.get(role.secret, ''), safe='')}"
        if at.host and at.port:
            return f"redis://{login}@{at.host}:{at.port}/0"
        return f"unix://{login}@{quote(str(at.sockets))}/{plan.SOCKET}?db=0"

    def readable(self, source: Source, tools: Tools, stop: Stop) -> Verdict:
        return readable(source, tools, stop)


def _prepare(at: Endpoint) -> Receipt:
    """The users once more: a secret that was changed since the server's start counts from now on."""
    with connect(at) as link:
        for access in ("owner", "rw", "ro"):
            link.command("ACL", "SETUSER", at.roles[access].user, *plan.rules(at, access))
    return Receipt()


def _own(spec: Spec) -> ValkeySpec:
    if not isinstance(spec, ValkeySpec):
        raise Invalid("this is not a Valkey spec", code="spec_invalid")
    return spec
