"""From a resource's row to its engine, its endpoint with passwords, its tools: for services and tasks alike."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from pydantic import ValidationError

from holdfast.contract.engine import Engine, Session
from holdfast.contract.registry import Registry
from holdfast.contract.rotation import CanRotate
from holdfast.contract.spec import Access, Endpoint, Plan, Software, Spec
from holdfast.contract.tools import Tools
from holdfast.features.databases import passwords
from holdfast.features.databases.elsewhere import require_node
from holdfast.features.databases.endpoints import endpoint_from_json
from holdfast.features.databases.external_reach import Lease, lease_of
from holdfast.features.databases.model import EXTERNAL, Resource
from holdfast.hosts.service import Hosts
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, DiskFull, Invalid
from holdfast.kernel.node import identity
from holdfast.kernel.secrets import Secrets
from holdfast.kernel.settings import Settings


class Reach:
    """Everything needed to touch one database; holds no state of its own."""

    def __init__(self, settings: Settings, db: Database, engines: Registry, secrets: Secrets, hosts: Hosts) -> None:
        self.settings = settings
        self.node = identity(settings.data, settings.node).name
        self.engines = engines
        self.hosts = hosts
        self._db = db
        self._secrets = secrets

    def engine(self, resource: Resource) -> Engine:
        return self.engines.get(resource.engine)

    def spec(self, resource: Resource) -> Spec:
        return self.engine(resource).spec.model_validate(dict(resource.spec))

    def secrets(self, resource: Resource) -> dict[str, str]:
        return passwords.current(self._stored(resource))

    def _stored(self, resource: Resource) -> dict[str, str]:
        with self._db.read() as conn:
            return self._secrets.all(conn, resource.environment_id, resource.id)

    def is_here(self, resource: Resource) -> bool:
        """Whether this node reaches it."""
        return resource.node in (None, self.node)

    def require_here(self, resource: Resource) -> None:
        """Raises OtherNode for one whose files and server are on another node."""
        require_node(self.node, resource.node, f"the database {resource.name!r}")

    def recorded(self, resource: Resource) -> Endpoint:
        """As it was registered or planned, passwords included: told, not used. Raises Conflict (code
        "not_provisioned")."""
        if resource.endpoint is None:
            raise Conflict(f"{resource.name!r} was never provisioned", code="not_provisioned")
        return endpoint_from_json(resource.endpoint, self.secrets(resource))

    def endpoint(self, resource: Resource, *, anywhere: bool = False) -> Endpoint:
        """What an engine connects to; a line to a foreign server stays open until this process ends, so use `open` or
        `lease`. Raises Conflict (code "not_provisioned") while there is nothing to reach, OtherNode for one that
        cannot be reached from here; with `anywhere` it is only told, not used."""
        return self.recorded(resource) if anywhere else self.lease(resource).endpoint

    def lease(self, resource: Resource) -> Lease:
        """The endpoint with whatever must be open for it, until `close`."""
        self.require_here(resource)
        at = self.recorded(resource)
        if resource.host != EXTERNAL:
            return Lease(at)
        return lease_of(self.engine(resource), at, resource.endpoint or {}, self.hosts.lines, self.settings)

    @contextmanager
    def open(self, resource: Resource) -> Iterator[Endpoint]:
        """A lease for one piece of work. A line that failed says why, instead of the engine's "does not answer"."""
        with self.lease(resource) as lease:
            yield lease.endpoint

    @contextmanager
    def session(self, resource: Resource, scratch: Path, access: Access = "admin") -> Iterator[Session]:
        """A session for one piece of work on a thread."""
        tools = self.tools(resource, scratch)
        with self.open(resource) as at:
            session = self.engine(resource).connect(at, tools, access)
            try:
                yield session
            finally:
                asyncio.run(session.close())

    def software(self, resource: Resource) -> Software | None:
        """The copy its server was last brought up with, while that is there, else the newest: what an update of
        Holdfast brings along is taken when somebody asks for it, not by a restart."""
        wanted = self.engine(resource).software(self.spec(resource))
        if wanted is None:
            return None
        return replace(wanted, pin=self.hosts.pin_of((resource.endpoint or {}).get("software"), wanted))

    def tools(self, resource: Resource, scratch: Path) -> Tools:
        owner = None if resource.host == EXTERNAL else resource.id
        return self.hosts.tools(owner, self.software(resource), scratch)

    def plan(self, resource: Resource, secrets: Mapping[str, str] | None = None) -> Plan:
        """The plan of this resource on this machine; allocates what the host remembers (directories, user, port).
        `secrets`: these passwords instead of those that count."""
        if resource.host == EXTERNAL:
            return Plan(host=EXTERNAL, endpoint=self.recorded(resource))
        self.require_here(resource)
        engine, spec = self.engine(resource), self.spec(resource)
        port = (resource.endpoint or {}).get("port")  # before there is one, the host remembers what it gave
        words, software = secrets or self.secrets(resource), self.software(resource)
        site = self.hosts.site(resource.id, resource.name, engine, spec, words, port, software)
        return replace(engine.plan(spec, site), software=software)

    def provision(self, resource: Resource, scratch: Path) -> Endpoint:
        """Host it, start it, prepare it. Idempotent: after a crash the same call completes, also a change of passwords
        that was cut off."""
        self.change_passwords(resource)
        plan = self.plan(resource)
        self.hosts.up(resource.id, plan)
        tools = self.hosts.tools(resource.id, plan.software, scratch)
        asyncio.run(self.engine(resource).prepare(plan.endpoint, self.spec(resource), tools))
        return plan.endpoint

    def change_passwords(self, resource: Resource) -> int:
        """Bring in the passwords that were written down; how many of the users' sessions were ended. Without any: 0.

        The files come first: a server that the keeper starts anew in between then has the new ones, and `rotate` takes
        either."""
        stored = self._stored(resource)
        before, fresh = passwords.current(stored), passwords.coming(stored)
        engine = self.engine(resource)
        if not fresh or not isinstance(engine, CanRotate):
            return 0
        plan = self.plan(resource, {**before, **fresh})
        self.hosts.up(resource.id, plan)
        crash_point("rotate.begun")
        logins = {access: fresh[role.secret] for access, role in plan.endpoint.roles.items() if role.secret in fresh}
        ended = engine.rotate(replace(plan.endpoint, secrets=before), logins)
        crash_point("rotate.changed")
        with self._db.write() as conn:
            passwords.finish(conn, self._secrets, resource, fresh)
        crash_point("rotate.finished")
        return ended

    def keep_passwords(self, conn: sa.Connection, resource: Resource) -> None:
        """In the transaction that notes that a state of the database was set aside."""
        passwords.keep(conn, self._secrets, resource)

    def forget_kept_passwords(self, conn: sa.Connection, resource: Resource) -> None:
        """What was set aside is gone, or is the living state again."""
        passwords.forget_kept(conn, self._secrets, resource)

    def reclaim(self, resource: Resource) -> None:
        """A state that was set aside stands again: its server is brought up and given today's passwords, if they were
        changed meanwhile. Idempotent."""
        stored = self._stored(resource)
        before, now = passwords.kept(stored), passwords.current(stored)
        engine = self.engine(resource)
        if not before or before == now or not isinstance(engine, CanRotate):
            return
        plan = self.plan(resource)
        self.hosts.up(resource.id, plan)
        logins = {access: now[role.secret] for access, role in plan.endpoint.roles.items()}
        engine.rotate(replace(plan.endpoint, secrets=before), logins)

    def require_space(self, needed: int, what: str) -> None:
        """Raises DiskFull when `what` would eat into the reserve. `needed` in bytes; 0 checks the reserve alone."""
        free = shutil.disk_usage(self.settings.data).free
        reserve = self.settings.disk_reserve_bytes
        if free - needed >= reserve:
            return
        raise DiskFull(
            f"{what} needs {needed} bytes and the disk has {free} free, of which {reserve} stay in reserve",
            hint="Free space on the data directory's disk, or lower HOLDFAST_DISK_RESERVE_BYTES.",
            details={"free_bytes": free, "needed_bytes": needed, "reserve_bytes": reserve},
        )


def checked_spec(engine: Engine, given: dict[str, object]) -> Spec:
    """The spec, or Invalid (code "spec_invalid") whose details name every wrong field."""
    try:
        return engine.spec.model_validate(given)
    except ValidationError as error:
        fields = [
            {"field": ".".join(["spec", *(str(part) for part in item["loc"])]), "message": item["msg"]}
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise Invalid(
            f"this is no spec of {engine.capabilities.title}: {fields[0]['field']}: {fields[0]['message']}",
            code="spec_invalid",
            hint=f"GET /api/v1/engines/{engine.name} shows the schema.",
            details={"fields": fields},
        ) from None
